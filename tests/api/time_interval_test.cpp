// time::interval: the schedule, what happens to missed ticks, and resetting. All on a paused clock.

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace api_test;
namespace time_ = runtime::time;
using Clock = time_::Clock;
using time_::Interval;
using time_::MissedTickBehavior;

namespace {

/// Runs f as the root and as a task of a runtime whose clock is paused.
template <class F>
void on_paused_clock(F f) {
  Checked house(Builder().start_paused(true));
  house.rt.block_on(f);
  house.rt.block_on([&] { runtime::spawn_local(f).join(); });
}

/// Takes a tick: the milliseconds since `start` that it was scheduled for, and those at which it came.
using Ticks = std::vector<std::pair<long, long>>;
struct Log {
  Clock::time_point start = Clock::now();
  Ticks ticks;

  static long millis(Clock::duration d) { return static_cast<long>(d / 1ms); }
  void take(Interval& interval, int n = 1) {
    for (int i = 0; i < n; ++i) {
      const auto scheduled = interval.tick();
      ticks.emplace_back(millis(scheduled - start), millis(Clock::now() - start));
    }
  }
};

}  // namespace

static_assert(std::is_same_v<decltype(std::declval<Interval&>().tick()), Clock::time_point>);
static_assert(!std::is_copy_constructible_v<Interval> && std::is_nothrow_move_constructible_v<Interval>);

TEST_CASE("the first tick comes at once, and then one each period") {
  on_paused_clock([] {
    Log log;
    Interval interval = time_::interval(300ms);
    CHECK(interval.period() == 300ms);
    CHECK(interval.missed_tick_behavior() == MissedTickBehavior::burst);
    log.take(interval, 4);
    CHECK(log.ticks == Ticks{{0, 0}, {300, 300}, {600, 600}, {900, 900}});
  });
}

TEST_CASE("interval_at ticks first at its start, which may have passed") {
  on_paused_clock([] {
    Log log;
    Interval later = time_::interval_at(log.start + 50ms, 100ms);
    log.take(later, 3);
    CHECK(log.ticks == Ticks{{50, 50}, {150, 150}, {250, 250}});
    Interval earlier = time_::interval_at(log.start, 100ms);
    log.ticks.clear();
    log.take(earlier, 4);
    CHECK(log.ticks == Ticks{{0, 250}, {100, 250}, {200, 250}, {300, 300}});
  });
}

TEST_CASE("the schedule does not move with what the program does between the ticks") {
  on_paused_clock([] {
    Log log;
    Interval interval = time_::interval(100ms);
    log.take(interval);
    runtime::sleep_for(30ms);
    log.take(interval);
    runtime::sleep_for(99ms);
    log.take(interval);
    CHECK(log.ticks == Ticks{{0, 0}, {100, 100}, {200, 200}});
  });
}

TEST_CASE("burst: missed ticks come at once, until the schedule is caught up with") {
  on_paused_clock([] {
    Log log;
    Interval interval = time_::interval(50ms);
    log.take(interval);
    runtime::sleep_for(220ms);
    log.take(interval, 6);
    CHECK(log.ticks == Ticks{{0, 0}, {50, 220}, {100, 220}, {150, 220}, {200, 220}, {250, 250}, {300, 300}});
  });
}

TEST_CASE("delay: the next tick comes one period after the late one") {
  on_paused_clock([] {
    Log log;
    Interval interval = time_::interval(50ms);
    interval.set_missed_tick_behavior(MissedTickBehavior::delay);
    CHECK(interval.missed_tick_behavior() == MissedTickBehavior::delay);
    log.take(interval);
    runtime::sleep_for(220ms);
    log.take(interval, 3);
    CHECK(log.ticks == Ticks{{0, 0}, {50, 220}, {270, 270}, {320, 320}});
  });
}

TEST_CASE("skip: the missed ticks never come, and the schedule stays") {
  on_paused_clock([] {
    Log log;
    Interval interval = time_::interval(50ms);
    interval.set_missed_tick_behavior(MissedTickBehavior::skip);
    log.take(interval);
    runtime::sleep_for(220ms);
    log.take(interval, 3);
    CHECK(log.ticks == Ticks{{0, 0}, {50, 220}, {250, 250}, {300, 300}});
    runtime::sleep_for(100ms);  // to a moment of the schedule, exactly
    log.ticks.clear();
    log.take(interval, 2);
    CHECK(log.ticks == Ticks{{350, 400}, {450, 450}});
  });
}

TEST_CASE("five milliseconds late is not missed, whatever the behaviour") {
  for (const auto behavior : {MissedTickBehavior::burst, MissedTickBehavior::delay, MissedTickBehavior::skip}) {
    on_paused_clock([behavior] {
      Log log;
      Interval interval = time_::interval(50ms);
      interval.set_missed_tick_behavior(behavior);
      log.take(interval);
      runtime::sleep_for(55ms);
      log.take(interval, 2);
      CHECK(log.ticks == Ticks{{0, 0}, {50, 55}, {100, 100}});
    });
  }
  on_paused_clock([] {
    Log log;
    Interval interval = time_::interval(50ms);
    interval.set_missed_tick_behavior(MissedTickBehavior::delay);
    log.take(interval);
    runtime::sleep_for(55ms + 1ns);
    log.take(interval, 2);
    CHECK(log.ticks == Ticks{{0, 0}, {50, 55}, {105, 105}});
  });
}

TEST_CASE("reset and its siblings move the next tick, and the schedule with it") {
  on_paused_clock([] {
    Log log;
    Interval interval = time_::interval(100ms);
    log.take(interval);
    runtime::sleep_for(40ms);
    interval.reset();
    log.take(interval, 2);
    CHECK(log.ticks == Ticks{{0, 0}, {140, 140}, {240, 240}});
    log.ticks.clear();
    runtime::sleep_for(10ms);
    interval.reset_immediately();
    log.take(interval, 2);
    CHECK(log.ticks == Ticks{{250, 250}, {350, 350}});
    log.ticks.clear();
    interval.reset_after(20ms);
    log.take(interval, 2);
    CHECK(log.ticks == Ticks{{370, 370}, {470, 470}});
    log.ticks.clear();
    interval.reset_at(log.start + 1s);
    log.take(interval, 2);
    CHECK(log.ticks == Ticks{{1000, 1000}, {1100, 1100}});
    log.ticks.clear();
    interval.reset_after(0ns);
    log.take(interval, 2);
    CHECK(log.ticks == Ticks{{1100, 1100}, {1200, 1200}});
    CHECK(code_of([&] { interval.reset_after(-1ns); }) == Errc::invalid_argument);
    log.ticks.clear();
    interval.set_missed_tick_behavior(MissedTickBehavior::skip);
    interval.reset_at(Clock::time_point::min());
    CHECK(interval.tick() < log.start);
    const auto next = interval.tick();
    CHECK(next > log.start + 1200ms);
    CHECK(next <= log.start + 1300ms);
  });
}

TEST_CASE("a tick that is cancelled is still to come") {
  Checked house(Builder().start_paused(true));
  house.rt.block_on([] {
    const auto start = Clock::now();
    Interval interval = time_::interval_at(start + 1s, 1s);
    auto waits = runtime::spawn_local([&] { interval.tick(); });
    settle();
    waits.abort();
    CHECK_THROWS_AS(waits.join(), JoinError);
    CHECK(interval.tick() == start + 1s);
    CHECK(interval.tick() == start + 2s);
  });
}

TEST_CASE("others have their turn between ticks that are due") {
  Checked house(Builder().start_paused(true));
  house.rt.block_on([] {
    Interval interval = time_::interval_at(Clock::now() - 1s, 1ms);
    int turns = 0;
    auto other = runtime::spawn_local([&] {
      for (; turns < 100; ++turns) runtime::yield_now();
    });
    for (int i = 0; i < 500; ++i) interval.tick();
    CHECK(turns == 100);
    other.join();
  });
}

TEST_CASE("two intervals and a sleeper keep their order") {
  on_paused_clock([] {
    std::string order;
    const auto ticks = [&order](char name, auto period, int n) {
      return runtime::spawn_local([&order, name, period, n] {
        Interval interval = time_::interval(period);
        interval.tick();
        for (int i = 0; i < n; ++i) {
          interval.tick();
          order += name;
        }
      });
    };
    auto a = ticks('a', 20ms, 5);
    auto b = ticks('b', 30ms, 3);
    runtime::sleep_for(65ms);
    order += 's';
    a.join();
    b.join();
    // At 60 ms, b has armed its timer (at 30 ms) before a (at 40 ms).
    CHECK(order == "ababasaba");
  });
}

TEST_CASE("a period of any unit, of any length; none and less is refused") {
  on_paused_clock([] {
    Interval endless = time_::interval(std::chrono::hours::max());
    endless.tick();
    auto never = runtime::spawn_local([&] { endless.tick(); });
    runtime::sleep_for(1h);
    CHECK_FALSE(never.is_finished());
    never.abort();
    CHECK_THROWS_AS(never.join(), JoinError);
    CHECK(time_::interval(std::chrono::duration<double>(0.25)).period() == 250ms);
    CHECK(code_of([] { time_::interval(0s); }) == Errc::invalid_argument);
    CHECK(code_of([] { time_::interval(-1s); }) == Errc::invalid_argument);
    CHECK(code_of([] { time_::interval_at(Clock::now(), 0s); }) == Errc::invalid_argument);
  });
}

TEST_CASE("on a plain thread and on a pool thread an interval blocks the thread") {
  const auto ticks = [] {
    Interval interval = time_::interval(500us);
    const auto first = interval.tick();
    CHECK(interval.tick() == first + 500us);
    CHECK(interval.tick() == first + 1ms);
    return Clock::now() >= first + 1ms;
  };
  CHECK(ticks());
  Checked house;
  CHECK(house.rt.block_on([&] { return runtime::offload(ticks); }));
}
