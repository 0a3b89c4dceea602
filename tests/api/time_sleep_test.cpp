// sleep_for, sleep_until and yield_now.

#include <chrono>
#include <ratio>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using Steady = std::chrono::steady_clock;

namespace {

template <class F>
auto time_of(F f) {
  const auto start = Steady::now();
  f();
  return Steady::now() - start;
}

/// A clock of the program's own, which is ahead of every other.
struct ShiftedClock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ShiftedClock>;
  [[maybe_unused]] static constexpr bool is_steady = false;
  static time_point now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch() + std::chrono::hours(1000);
    return time_point(std::chrono::duration_cast<duration>(since));
  }
};

template <class F>
void in_each_place(F f) {
  Checked house;
  f();
  house.rt.block_on(f);
  house.rt.block_on([&] { runtime::spawn_local(f).join(); });
  house.rt.block_on([&] { runtime::spawn_blocking(f).join(); });
}

}  // namespace

TEST_CASE("a sleep is never short: on a plain thread, in the root, in a task, on a pool thread") {
  in_each_place([] {
    CHECK(time_of([] { runtime::sleep_for(2ms); }) >= 2ms);
    CHECK(time_of([] { runtime::sleep_for(1500us); }) >= 1500us);
    CHECK(time_of([] { runtime::sleep_for(std::chrono::duration<double, std::milli>(1.25)); }) >= 1250us);
    CHECK(time_of([] { runtime::sleep_for(0ns); }) >= 0ns);
  });
}

TEST_CASE("sleep_until waits for its own clock, and not for a time that has passed") {
  in_each_place([] {
    const auto steady = Steady::now() + 2ms;
    runtime::sleep_until(steady);
    CHECK(Steady::now() >= steady);
    const auto system = std::chrono::system_clock::now() + 2ms;
    runtime::sleep_until(system);
    CHECK(std::chrono::system_clock::now() >= system);
    const auto shifted = ShiftedClock::now() + 2ms;
    runtime::sleep_until(shifted);
    CHECK(ShiftedClock::now() >= shifted);
    runtime::sleep_until(Steady::now() - std::chrono::hours(1));
    runtime::sleep_until(Steady::time_point());
    runtime::sleep_until(Steady::time_point::min());
    runtime::sleep_until(std::chrono::system_clock::time_point());
    runtime::sleep_until(std::chrono::system_clock::time_point::min());
  });
}

TEST_CASE("sleepers wake in the order of their deadlines, those of the same deadline in the order they came") {
  Checked house;
  house.rt.block_on([] {
    std::string order;
    std::vector<JoinHandle<void>> tasks;
    const auto start = Steady::now() + 1ms;
    for (const auto& [name, offset] : {std::pair('d', 3ms), {'b', 1ms}, {'e', 4ms}, {'c', 1ms}, {'a', 0ms}}) {
      tasks.push_back(runtime::spawn_local([&order, start, name = name, offset = offset] {
        runtime::sleep_until(start + offset);
        order += name;
      }));
    }
    for (auto& task : tasks) task.join();
    CHECK(order == "abcde");
  });
}

TEST_CASE("five thousand sleepers share one thread and one timer") {
  Checked house;
  house.rt.block_on([&] {
    int woken = 0;
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 5'000; ++i) {
      tasks.push_back(runtime::spawn_local([&woken, i] {
        runtime::sleep_for(std::chrono::microseconds(i * 7919 % 5000));
        ++woken;
      }));
    }
    for (auto& task : tasks) task.join();
    CHECK(woken == 5'000);
    CHECK(count_entries("/proc/self/fd") < 30);
  });
}

TEST_CASE("a sleep that ends just before the end of time lets the thread sleep") {
  Checked house;
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([] { runtime::sleep_until(runtime::time::Clock::time_point::max() - std::chrono::nanoseconds(10)); });
    runtime::yield_now();
    const std::uint64_t before = house.rt.metrics().worker_park_count();
    runtime::sleep_for(std::chrono::milliseconds(30));
    CHECK(house.rt.metrics().worker_park_count() - before < 20);
    task.abort();
    CHECK_THROWS_AS(task.join(), runtime::JoinError);
  });
}

TEST_CASE("many sleepers share wake-ups of the thread, and none of them wakes early") {
  Checked house;
  house.rt.block_on([&] {
    constexpr int kSleepers = 4'000;
    const auto parks = [&] { return house.rt.metrics().worker_park_count(); };
    const std::uint64_t before = parks();
    int early = 0;
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < kSleepers; ++i) {
      tasks.push_back(runtime::spawn_local([&early, i] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(20'000 + i * 7919 % kSleepers * 25);
        runtime::sleep_until(end);
        early += std::chrono::steady_clock::now() < end ? 1 : 0;
      }));
    }
    for (auto& task : tasks) task.join();
    CHECK(early == 0);
    CHECK(parks() - before < kSleepers / 2);
  });
}

TEST_CASE("a sleep that is too long to count never ends by itself") {
  Checked house;
  house.rt.block_on([] {
    std::vector<JoinHandle<void>> tasks;
    tasks.push_back(runtime::spawn_local([] { runtime::sleep_for(std::chrono::hours::max()); }));
    tasks.push_back(runtime::spawn_local([] { runtime::sleep_for(std::chrono::nanoseconds::max()); }));
    tasks.push_back(runtime::spawn_local([] { runtime::sleep_until(Steady::time_point::max()); }));
    tasks.push_back(runtime::spawn_local([] { runtime::sleep_until(std::chrono::system_clock::time_point::max()); }));
    runtime::sleep_for(1ms);
    for (auto& task : tasks) {
      CHECK_FALSE(task.is_finished());
      task.abort();
      CHECK_THROWS_AS(task.join(), JoinError);
    }
  });
}

TEST_CASE("a sleep of nothing and a time that has passed are suspension points") {
  Checked house;
  house.rt.block_on([] {
    const auto aborted_at = [](auto wait) {
      std::optional<runtime::AbortHandle> self;
      auto task = runtime::spawn_local([&] {
        self->abort();
        wait();
        return 1;
      });
      self = task.abort_handle();
      CHECK_THROWS_AS(task.join(), JoinError);
    };
    aborted_at([] { runtime::sleep_for(0s); });
    aborted_at([] { runtime::sleep_until(Steady::now() - 1s); });
    aborted_at([] { runtime::sleep_until(std::chrono::system_clock::now() - 1s); });
    aborted_at([] { runtime::yield_now(); });
    aborted_at([] { runtime::this_task::check_cancelled(); });
  });
}

TEST_CASE("a sleeping root lets its tasks run, and a sleeping task its siblings") {
  Checked house;
  house.rt.block_on([] {
    int turns = 0;
    auto busy = runtime::spawn_local([&] {
      for (;;) {
        ++turns;
        runtime::yield_now();
      }
    });
    runtime::sleep_for(1ms);
    CHECK(turns > 1);
    const int before = turns;
    runtime::spawn_local([] { runtime::sleep_for(1ms); }).join();
    CHECK(turns > before);
    busy.abort();
    CHECK_THROWS_AS(busy.join(), JoinError);
  });
}

TEST_CASE("timers fire while a task keeps the queue full by yielding") {
  Checked house(Builder().event_interval(5));
  house.rt.block_on([] {
    bool fired = false;
    auto sleeper = runtime::spawn_local([&] {
      runtime::sleep_for(100us);
      fired = true;
    });
    auto busy = runtime::spawn_local([&] {
      while (!fired) runtime::yield_now();
    });
    busy.join();
    sleeper.join();
  });
}
