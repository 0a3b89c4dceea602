#include "fiber/guard.hpp"

#include <cstdint>
#include <fstream>

#include <sys/mman.h>

#include <doctest/doctest.h>

#include "base/valgrind.hpp"
#include "fiber/stack_pool.hpp"
#include "support/child.hpp"
#include "support/leak_check.hpp"
#include "support/sanitized.hpp"

using namespace runtime::fiber;

namespace {

constexpr std::size_t kPage = 4096;

void nothing(Fiber&) {}

void write_to(std::byte* address) { *static_cast<volatile std::byte*>(address) = std::byte{1}; }

// Uses up the mappings this process may have, but for `left`: every other page of one area is protected.
void use_up_mappings(std::size_t left) {
  std::size_t limit = 0;
  std::ifstream("/proc/sys/vm/max_map_count") >> limit;
  const std::size_t pages = limit - left;
  void* area =
      ::mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) ::_exit(95);
  auto* page = static_cast<std::byte*>(area);
  // Each protected page makes two mappings of one.
  for (std::size_t i = 0; i + 1 < pages; i += 2) {
    if (::mprotect(page + i * kPage, kPage, PROT_NONE) != 0) break;
  }
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck,
                  "a byte below a stack, and the last byte of its guard, kill; the stack itself does not") {
  for (const GuardKind kind : {GuardKind::lightweight, GuardKind::mprotect}) {
    for (const std::size_t below : {std::size_t{1}, std::size_t{64 * 1024}}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(below);
      const auto end = test::in_child([kind, below] {
        StackOptions options;
        options.guard = kind;
        StackPool pool(options, &nothing);
        pool.take();
        const Fiber& second = pool.take();  // its guard lies between the two stacks
        for (std::byte* page = second.low; page < second.high - kPage; page += kPage) write_to(page);
        test::say("the stack is writable");
        write_to(second.low - below);
        test::say("the guard is writable");
      });
      CAPTURE(end);
      CHECK(end.signal == SIGSEGV);
      CHECK(end.says("the stack is writable"));
      CHECK_FALSE(end.says("the guard is writable"));
    }
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "the kind asked for is tried first, and an older kernel's answer is remembered") {
  for (const GuardKind kind : {GuardKind::lightweight, GuardKind::mprotect}) {
    void* area = ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(area != MAP_FAILED);
    GuardKind used = kind;
    CHECK(install_guard(static_cast<std::byte*>(area), kPage, used));
    if (kind == GuardKind::mprotect) CHECK(used == GuardKind::mprotect);
    // A system call is refused where an access would fault.
    CHECK(::write(STDERR_FILENO, area, 1) == -1);
    CHECK(errno == EFAULT);
    write_to(static_cast<std::byte*>(area) + kPage);
    ::munmap(area, 2 * kPage);
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "a guard that cannot be set up is no guard, and errno says why") {
  void* area = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(area != MAP_FAILED);
  ::munmap(area, kPage);
  for (GuardKind kind : {GuardKind::lightweight, GuardKind::mprotect}) {
    errno = 0;
    CHECK_FALSE(install_guard(static_cast<std::byte*>(area), kPage, kind));
    CHECK(errno == ENOMEM);
  }
}

// Valgrind cannot keep so many mappings, and AddressSanitizer's allocator needs some for itself.
TEST_CASE_FIXTURE(test::LeakCheck,
                  "when mprotect finds no mapping left, the error tells how many stacks there are, and that sysctl" *
                      doctest::skip(runtime::base::under_valgrind() || test::kAddressSanitizer)) {
  const auto end = test::in_child([] {
    use_up_mappings(300);
    StackOptions options;
    options.size = 16 * 1024;
    options.guard_size = kPage;
    options.guard = GuardKind::mprotect;
    StackPool pool(options, &nothing);
    std::size_t taken = 0;
    try {
      for (;; ++taken) {
        const Fiber& fiber = pool.take();
        write_to(fiber.low);
      }
    } catch (const std::system_error& error) {
      test::say(error.what());
      if (error.code().value() != ENOMEM) test::say("not ENOMEM");
      if (std::string(error.what()).find("; " + std::to_string(taken) + " stacks have one") == std::string::npos) {
        test::say("the number is wrong: " + std::to_string(taken));
      }
      if (pool.in_use() != taken) test::say("the failed one counts as used");
    }
  });
  CAPTURE(end);
  CHECK(end.status == 0);
  CHECK(end.says("vm.max_map_count"));
  CHECK_FALSE(end.says("not ENOMEM"));
  CHECK_FALSE(end.says("the number is wrong"));
  CHECK_FALSE(end.says("the failed one"));
}
