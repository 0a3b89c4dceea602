#include "fiber/stack_ledger.hpp"

#include <sys/mman.h>

#include <doctest/doctest.h>

#include "base/valgrind.hpp"
#include "fiber/stack_pool.hpp"
#include "support/fiber_stage.hpp"
#include "support/leak_check.hpp"

using runtime::fiber::StackLedger;
using runtime::fiber::StackOptions;

namespace {

constexpr std::size_t kPage = 4096;

/// Memory of which no page is there.
struct Mapping {
  explicit Mapping(std::size_t size)
      : size(size),
        base(static_cast<std::byte*>(
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    ::madvise(base, size, MADV_NOHUGEPAGE);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(base, size); }
  void touch(std::size_t page) { base[page * kPage] = std::byte{1}; }

  std::size_t size;
  std::byte* base;
};

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "pages of stacks are counted, those of guards are not, nor stacks never used") {
  // Three stacks: one page of guard, four of stack.
  Mapping mapping(15 * kPage);
  StackLedger ledger;
  ledger.add(mapping.base, kPage, 4 * kPage);
  for (const std::size_t page : {0, 4, 7, 8, 9, 11}) mapping.touch(page);
  CHECK(ledger.measure().resident == 0);
  ledger.grow(mapping.base);
  CHECK(ledger.measure().resident == kPage);
  CHECK(ledger.measure().high_water == kPage);
  ledger.grow(mapping.base);
  CHECK(ledger.measure().resident == 4 * kPage);
  CHECK(ledger.measure().high_water == 3 * kPage);
  ledger.grow(mapping.base);
  CHECK(ledger.measure().high_water == 4 * kPage);
  ledger.remove(mapping.base);
}

TEST_CASE_FIXTURE(test::LeakCheck, "what has been given back or unmapped is in memory no more, and its depth still known") {
  Mapping mapping(5 * kPage);
  StackLedger ledger;
  ledger.add(mapping.base, kPage, 4 * kPage);
  ledger.grow(mapping.base);
  mapping.touch(3);
  ledger.remove(mapping.base);
  CHECK(ledger.measure().resident == 0);
  CHECK(ledger.measure().high_water == 2 * kPage);
  ledger.note_depth(3 * kPage);
  ledger.note_depth(kPage);
  CHECK(ledger.measure().high_water == 3 * kPage);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a stack larger than one answer of the kernel is looked at whole") {
  constexpr std::size_t kPages = 3000;
  Mapping mapping((kPages + 1) * kPage);
  StackLedger ledger;
  ledger.add(mapping.base, kPage, kPages * kPage);
  ledger.grow(mapping.base);
  mapping.touch(1);
  mapping.touch(kPages);
  CHECK(ledger.measure().resident == 2 * kPage);
  CHECK(ledger.measure().high_water == kPages * kPage);
  CHECK(StackLedger::depth(mapping.base + 2 * kPage, mapping.base + mapping.size) == kPage);
  ledger.remove(mapping.base);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a stack as large as a quarter of all addresses takes no longer" *
                                       doctest::skip(runtime::base::under_valgrind())) {
  Mapping mapping(std::size_t{1} << 45);
  StackLedger ledger;
  ledger.add(mapping.base, kPage, mapping.size - kPage);
  ledger.grow(mapping.base);
  mapping.touch(mapping.size / kPage - 10'000);
  CHECK(ledger.measure().high_water == 10'000 * kPage);
  ledger.remove(mapping.base);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a pool tells of its mappings and of what it gives back") {
  StackLedger ledger;
  StackOptions options;
  options.size = 16 * kPage;
  options.guard_size = kPage;
  options.warm_limit = 1;
  options.ledger = &ledger;
  {
    test::FiberStage stage(options);
    CHECK(ledger.measure().resident == 0);
    stage.run([] {
      volatile char block[5 * kPage];
      for (std::size_t i = 0; i < sizeof block; ++i) block[i] = 1;
      static_cast<void>(block[0]);
    });
    CHECK(ledger.measure().resident >= 6 * kPage);
    stage.pool.tidy();
    CHECK(ledger.measure().resident == 0);
    CHECK(ledger.measure().high_water >= 6 * kPage);
  }
  CHECK(ledger.measure().high_water >= 6 * kPage);
}
