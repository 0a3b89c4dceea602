#include "fiber/stack_pool.hpp"

#include <algorithm>
#include <sys/mman.h>

#include <set>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include "base/valgrind.hpp"
#include "support/child.hpp"
#include "support/fiber_stage.hpp"
#include "support/leak_check.hpp"

using namespace runtime::fiber;

namespace {

constexpr std::size_t kPage = 4096;
const bool valgrind = runtime::base::under_valgrind();

void nothing(Fiber&) {}

// Goes down the stack of its caller by so many bytes, and writes all of them.
[[gnu::noinline]] void dig(std::size_t bytes) {
  auto* hole = static_cast<volatile char*>(__builtin_alloca(bytes));
  for (std::size_t i = 0; i < bytes; ++i) hole[i] = 1;
}

std::size_t resident_bytes(const std::byte* low, const std::byte* high) {
  std::vector<unsigned char> pages(static_cast<std::size_t>(high - low) / kPage);
  REQUIRE(::mincore(const_cast<std::byte*>(low), static_cast<std::size_t>(high - low), pages.data()) == 0);
  std::size_t count = 0;
  for (const unsigned char page : pages) count += page & 1;
  return count * kPage;
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "the stack returned last is taken first") {
  StackPool pool({}, &nothing);
  Fiber& a = pool.take();
  Fiber& b = pool.take();
  CHECK(&a != &b);
  CHECK(pool.in_use() == 2);
  pool.put(a);
  pool.put(b);
  CHECK(pool.in_use() == 0);
  CHECK(pool.warm_count() == 2);
  CHECK(pool.take_warm() == &b);
  CHECK(pool.take_warm() == &a);
  CHECK(pool.take_warm() == nullptr);
  pool.put(a);
  pool.put(b);
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "a stack has the size asked for, its guard beside it, and its fiber at the upper end") {
  StackOptions options;
  options.size = 32 * 1024;
  options.guard_size = 8 * 1024;
  StackPool pool(options, &nothing);
  std::vector<Fiber*> fibers;
  for (int i = 0; i < 100; ++i) fibers.push_back(&pool.take());
  std::set<const std::byte*> lows;
  for (const Fiber* fiber : fibers) {
    CHECK(fiber->high - fiber->low == 32 * 1024);
    const auto* at = reinterpret_cast<const std::byte*>(fiber);
    CHECK(at > fiber->high - kPage);
    CHECK(at + sizeof(Fiber) <= fiber->high);
    lows.insert(fiber->low);
  }
  const std::byte* before = nullptr;
  for (const std::byte* low : lows) {
    if (before != nullptr) CHECK(low - before >= 40 * 1024);
    before = low;
  }
  CHECK(lows.size() == 100);
  for (Fiber* fiber : fibers) pool.put(*fiber);
}

TEST_CASE_FIXTURE(test::LeakCheck, "neighbouring stacks begin at different cache lines") {
  StackPool pool({}, &nothing);
  std::set<std::ptrdiff_t> offsets;
  std::vector<Fiber*> fibers;
  for (int i = 0; i < 24; ++i) {
    Fiber& fiber = pool.take();
    fibers.push_back(&fiber);
    const std::ptrdiff_t offset = fiber.high - reinterpret_cast<std::byte*>(&fiber);
    CHECK(offset % 64 == 0);
    offsets.insert(offset);
  }
  CHECK(offsets.size() == 24);
  for (Fiber* fiber : fibers) pool.put(*fiber);
}

TEST_CASE_FIXTURE(test::LeakCheck, "stacks above the warm limit give their pages back") {
  StackOptions options;
  options.warm_limit = 2 * options.size;
  test::FiberStage stage(options);
  struct Range {
    Fiber* fiber;
    std::byte *low, *high;
  };
  std::vector<Range> stacks;
  std::function<void()> body = [] { dig(40 * 1024); };
  for (int i = 0; i < 5; ++i) {
    Fiber& fiber = stage.start(body);
    stacks.push_back({&fiber, fiber.low, fiber.high});
  }
  for (const Range& stack : stacks) stage.resume(*stack.fiber);
  CHECK(stage.pool.warm_count() == 5);
  stage.pool.tidy();
  CHECK(stage.pool.warm_count() == 2);
  int cold = 0;
  for (int i = 0; i < 5; ++i) {
    cold += resident_bytes(stacks[i].low, stacks[i].high) == 0 ? 1 : 0;
  }
  CHECK(cold == 3);

  // A cold stack is used again before a new one is cut, and works.
  bool ran = false;
  std::function<void()> again = [&] { ran = true; };
  Fiber* warm[] = {&stage.start(again), &stage.start(again)};
  Fiber& was_cold = stage.start(again);
  CHECK(std::any_of(stacks.begin(), stacks.end(), [&](const Range& stack) { return stack.low == was_cold.low; }));
  for (Fiber* fiber : warm) stage.resume(*fiber);
  ran = false;
  stage.resume(was_cold);
  CHECK(ran);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a warm limit of 0 keeps no pages") {
  StackOptions options;
  options.warm_limit = 0;
  test::FiberStage stage(options);
  stage.run([] {});
  stage.pool.tidy();
  CHECK(stage.pool.warm_count() == 0);
  stage.run([] {});
}

// Valgrind forbids looking below the stack pointer, so under it the pool does not trim, and high_water() sees all
// tasks.
TEST_CASE_FIXTURE(test::LeakCheck,
                  "a warm stack keeps few pages of what a deep task has used" * doctest::skip(valgrind)) {
  test::FiberStage stage;
  std::byte *low = nullptr, *high = nullptr;
  std::size_t while_deep = 0;
  stage.run([&] {
    dig(150 * 1024);
    low = stage.running().low;
    high = stage.running().high;
    while_deep = resident_bytes(low, high);
  });
  stage.pool.tidy();
  CHECK(while_deep >= 150 * 1024);
  CHECK(resident_bytes(low, high) <= 4 * kPage);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a task that has paused far down is noticed, however little it has written there" *
                                       doctest::skip(valgrind)) {
  test::FiberStage stage;
  std::function<void()> body = [&stage] {
    const volatile std::size_t size = 100 * 1024;  // volatile: or the compiler keeps of the array only what is used
    auto* hole = static_cast<volatile char*>(__builtin_alloca(size));
    hole[0] = 1;
    stage.pause();
    hole[1] = hole[0];
  };
  Fiber& fiber = stage.start(body);
  std::byte *low = fiber.low, *high = fiber.high;
  stage.resume(fiber);
  CHECK(resident_bytes(low, high - 64 * 1024) > 0);
  stage.resume(fiber);
  stage.pool.tidy();
  CHECK(resident_bytes(low, high - 64 * 1024) == 0);
}

TEST_CASE_FIXTURE(test::LeakCheck, "the high-water mark is this task's own, whatever the tasks before have used" *
                                       doctest::skip(valgrind)) {
  test::FiberStage stage;
  const Fiber* first = nullptr;
  const auto use = [&](std::size_t bytes) {
    std::size_t mark = 0;
    stage.run([&] {
      if (first == nullptr) first = &stage.running();
      CHECK(&stage.running() == first);
      if (bytes > 0) dig(bytes);
      mark = stage.pool.high_water(stage.running());
    });
    return mark;
  };
  const std::size_t shallow = use(0);
  CHECK(shallow >= kPage);
  CHECK(shallow <= 4 * kPage);
  for (const std::size_t bytes : {std::size_t{100 * 1024}, std::size_t{20 * 1024}, std::size_t{200 * 1024}}) {
    CAPTURE(bytes);
    const std::size_t mark = use(bytes);
    CHECK(mark >= bytes);
    CHECK(mark <= bytes + bytes / 4 + 4 * kPage);
    CHECK(mark % kPage == 0);
    CHECK(use(0) == shallow);
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "thousands of stacks take few mappings where guards need none of their own") {
  StackOptions options;
  options.size = 16 * 1024;
  options.guard_size = kPage;
  StackPool pool(options, &nothing);
  const std::size_t before = test::count_stack_mappings();
  std::vector<Fiber*> fibers;
  for (int i = 0; i < 4000; ++i) fibers.push_back(&pool.take());
  CHECK(pool.in_use() == 4000);
  // 64 + 128 + ... + 4096 stacks; neighbours in memory may even be one mapping.
  const std::size_t slabs = test::count_stack_mappings() - before;
  if (pool.guard_kind() == GuardKind::lightweight) CHECK(slabs <= 7);
  for (Fiber* fiber : fibers) pool.put(*fiber);
  CHECK(pool.in_use() == 0);
}

TEST_CASE_FIXTURE(test::LeakCheck, "close gives every mapping back") {
  const std::size_t before = test::count_stack_mappings();
  StackPool pool({}, &nothing);
  Fiber& fiber = pool.take();
  pool.put(fiber);
  pool.close();
  CHECK(test::count_stack_mappings() == before);
  CHECK(pool.warm_count() == 0);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a stack that cannot be mapped is reported, and the others go on") {
  const auto end = test::in_child([] {
    StackOptions options;
    options.size = 256 << 20;
    test::FiberStage stage(options);
    test::limit_address_space(5 * (256ul << 20));
    std::vector<Fiber*> fibers;
    int ran = 0;
    std::function<void()> body = [&ran] { ++ran; };
    try {
      for (;;) fibers.push_back(&stage.start(body));
    } catch (const std::system_error& error) {
      test::say(error.what());
      if (error.code().value() != ENOMEM) test::say("not ENOMEM");
    }
    // The slab got smaller until it fitted.
    if (fibers.size() != 4) test::say("odd number of stacks: " + std::to_string(fibers.size()));
    for (Fiber* fiber : fibers) stage.resume(*fiber);
    if (ran != static_cast<int>(fibers.size())) test::say("not all ran");
    stage.run([] { test::say("one more has run"); });
  });
  CAPTURE(end);
  CHECK(end.status == 0);
  CHECK(end.says("mmap of a task's stack"));
  CHECK(end.says("one more has run"));
  CHECK_FALSE(end.says("not ENOMEM"));
  CHECK_FALSE(end.says("odd number"));
  CHECK_FALSE(end.says("not all ran"));
}
