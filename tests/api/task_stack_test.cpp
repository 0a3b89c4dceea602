// What belongs to a fiber: its stack and how much of it was used, errno, rounding mode and exception masks.

#include <signal.h>

#include <cerrno>
#include <cfenv>
#include <string>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::this_task::stack_high_water;

namespace {

/// Uses so much of the stack, and writes to every `step`-th byte of it.
__attribute__((noinline)) int touch(std::size_t bytes, std::size_t step = 1) {
  auto* block = static_cast<volatile char*>(__builtin_alloca(bytes));
  __asm__ volatile("" : "+r"(block));  // or compilers keep only what is used of it
  for (std::size_t i = 0; i < bytes; i += step) block[i] = 1;
  return block[0];
}

/// 1/3, rounded as the mode of this fiber says.
double third() {
  const volatile double one = 1.0, three = 3.0;
  return one / three;
}

}  // namespace

TEST_CASE("the high-water mark is in whole pages, holds what was used, and never falls") {
  Checked house;
  house.rt.block_on([] {
    runtime::spawn_local([] {
      const std::size_t before = stack_high_water();
      CHECK(before > 0);
      CHECK(before % 4096 == 0);
      touch(100'000);
      const std::size_t after = stack_high_water();
      CHECK(after >= 100'000);
      CHECK(after < 200'000);
      CHECK(after % 4096 == 0);
      runtime::sleep_for(1us);
      CHECK(stack_high_water() == after);
    }).join();
    CHECK(stack_high_water() == 0);  // the root's stack is the caller's
  });
}

namespace {

/// What a task that does nothing finds on a stack that others have used deeply.
void check_mark_of_next_task() {
  std::size_t fresh = 0;
  const auto measure = [] { return stack_high_water(); };
  {
    Checked house;
    fresh = house.rt.block_on([&] { return runtime::spawn_local(measure).join(); });
  }
  Checked house;
  house.rt.block_on([&] {
    for (const std::size_t deep : {6'000u, 12'000u, 40'000u, 200'000u}) {
      runtime::spawn_local([=] { touch(deep); }).join();
      CHECK(house.rt.metrics().stacks_pooled() == 1);
      const std::size_t after = runtime::spawn_local(measure).join();
      CHECK(after <= fresh + 4096);
      // And when one task follows another without the stack going through the pool.
      auto first = runtime::spawn_local([=] { touch(deep); });
      auto second = runtime::spawn_local(measure);
      CHECK(second.join() <= fresh + 4096);
      first.join();
    }
  });
}

}  // namespace

TEST_CASE("the high-water mark counts this task's use, not that of those who had the stack before") {
  check_mark_of_next_task();
}

TEST_CASE("all of a stack's size can be used, of the smallest, too") {
  Checked house(Builder().stack_size(32768));
  house.rt.block_on([] {
    CHECK(runtime::spawn_local([] { return touch(20'000); }).join() == 1);
    CHECK(runtime::TaskBuilder().stack_size(8 << 20).spawn_local([] { return touch((8 << 20) - 65536); }).join() == 1);
    CHECK(runtime::TaskBuilder().stack_size(8 << 20).spawn_local(stack_high_water).join() < 65536);
  });
}

TEST_CASE("large and odd guard sizes are no stack's loss") {
  for (const std::size_t guard : {std::size_t{1}, std::size_t{4097}, std::size_t{1} << 20}) {
    Checked house(Builder().stack_guard_size(guard).stack_size(65536));
    house.rt.block_on([] {
      std::vector<JoinHandle<int>> tasks;
      for (int i = 0; i < 200; ++i) {
        tasks.push_back(runtime::spawn_local([] {
          runtime::yield_now();
          return touch(30'000);
        }));
      }
      for (auto& task : tasks) CHECK(task.join() == 1);
    });
  }
}

TEST_CASE("errno survives a park, and siblings do not see it") {
  Checked house;
  house.rt.block_on([] {
    errno = EDOM;
    std::vector<JoinHandle<void>> tasks;
    for (int value = 1; value <= 5; ++value) {
      tasks.push_back(runtime::spawn_local([value] {
        CHECK(errno == 0);  // a new task starts with none
        errno = value;
        runtime::yield_now();
        CHECK(errno == value);
        runtime::sleep_for(100us);
        CHECK(errno == value);
        runtime::spawn_local([] { errno = 99; }).join();
        CHECK(errno == value);
      }));
    }
    for (auto& task : tasks) {
      task.join();
      CHECK(errno == EDOM);
    }
  });
}

TEST_CASE("a task on a used stack starts with errno 0, and so do blocking closures") {
  Checked house;
  house.rt.block_on([] {
    for (int i = 0; i < 3; ++i) {
      runtime::spawn_local([] {
        CHECK(errno == 0);
        errno = ERANGE;
      }).join();
      runtime::spawn_blocking([] {
        CHECK(errno == 0);
        errno = ERANGE;
      }).join();
    }
    auto first = runtime::spawn_local([] { errno = ERANGE; });
    auto second = runtime::spawn_local([] { return errno; });
    CHECK(second.join() == 0);
    first.join();
  });
}

TEST_CASE("the rounding mode belongs to the fiber") {
  Checked house;
  const double nearest = third();
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST}) {
      tasks.push_back(runtime::spawn_local([mode] {
        std::fesetround(mode);
        const double mine = third();
        for (int i = 0; i < 3; ++i) {
          runtime::yield_now();
          CHECK(std::fegetround() == mode);
          CHECK(third() == mine);
        }
        runtime::sleep_for(100us);
        CHECK(third() == mine);
      }));
    }
    for (auto& task : tasks) {
      task.join();
      CHECK(std::fegetround() == FE_TONEAREST);
      CHECK(third() == nearest);
    }
    // And whoever comes next on those stacks starts anew.
    for (int i = 0; i < 4; ++i) CHECK(runtime::spawn_local([] { return std::fegetround(); }).join() == FE_TONEAREST);
  });
}

TEST_CASE("a new task starts with the rounding mode of the thread that called block_on") {
  Checked house;
  std::fesetround(FE_UPWARD);
  house.rt.block_on([] {
    CHECK(runtime::spawn_local([] { return std::fegetround(); }).join() == FE_UPWARD);
    std::fesetround(FE_DOWNWARD);  // the root's own from here on
    CHECK(runtime::spawn_local([] { return std::fegetround(); }).join() == FE_UPWARD);
    CHECK(std::fegetround() == FE_DOWNWARD);
    runtime::sleep_for(1us);
    CHECK(std::fegetround() == FE_DOWNWARD);
  });
  std::fesetround(FE_TONEAREST);
  CHECK(house.rt.block_on([] { return runtime::spawn_local([] { return std::fegetround(); }).join(); }) == FE_TONEAREST);
}

TEST_CASE("exception masks of the floating-point unit belong to the fiber") {
  Checked house;
  house.rt.block_on([] {
    const auto traps = [] { return ::fegetexcept(); };
    CHECK(traps() == 0);
    auto trapping = runtime::spawn_local([&] {
      ::feenableexcept(FE_DIVBYZERO);
      runtime::yield_now();
      CHECK(traps() == FE_DIVBYZERO);
      runtime::sleep_for(100us);
      CHECK(traps() == FE_DIVBYZERO);
    });
    auto beside = runtime::spawn_local([&] {
      CHECK(traps() == 0);
      runtime::yield_now();
      CHECK(traps() == 0);
    });
    beside.join();
    trapping.join();
    CHECK(traps() == 0);
    CHECK(runtime::spawn_local(traps).join() == 0);
  });
}

TEST_CASE("block_on leaves the thread's signal stack as it was") {
  const Limits limits;
  std::vector<char> memory(128 * 1024);
  stack_t before{}, mine{}, inside{}, after{};
  ::sigaltstack(nullptr, &before);
  mine.ss_sp = memory.data();
  mine.ss_size = memory.size();
  CHECK(::sigaltstack(&mine, nullptr) == 0);
  runtime::run([&] { ::sigaltstack(nullptr, &inside); });
  CHECK(inside.ss_sp == mine.ss_sp);  // large enough to report from
  mine.ss_flags = SS_DISABLE;
  CHECK(::sigaltstack(&mine, nullptr) == 0);
  runtime::run([&] { ::sigaltstack(nullptr, &inside); });
  CHECK((inside.ss_flags & SS_DISABLE) == 0);
  ::sigaltstack(nullptr, &after);
  CHECK((after.ss_flags & SS_DISABLE) != 0);
  ::sigaltstack(&before, nullptr);
}
