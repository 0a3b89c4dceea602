#include "driver/timer_wheel.hpp"

#include <pthread.h>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "driver/slack.hpp"
#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::driver;
using runtime::base::kForever;
using runtime::base::Nanos;
using test::RecordingSchedule;
using test::TestTask;

namespace {

/// A timer and the task it wakes; the task's id is its place in the test.
struct Sleeper {
  Sleeper(RecordingSchedule& schedule, Nanos deadline) : cell(schedule), timer(cell.task, deadline) {}
  TestTask cell;
  Timer timer;
};

}  // namespace

TEST_CASE_TEMPLATE("what is due fires, and nothing else", Timers, TimerHeap, TimerWheel) {
  RecordingSchedule schedule;
  Timers heap;
  CHECK(heap.is_empty());
  CHECK(heap.earliest() == kForever);
  heap.fire(kForever);
  Sleeper late(schedule, 20), early(schedule, 10);
  heap.arm(late.timer);
  heap.arm(early.timer);
  CHECK(heap.earliest() == 10);
  heap.fire(9);
  CHECK(schedule.scheduled.empty());
  heap.fire(10);
  CHECK(early.timer.has_fired());
  CHECK_FALSE(late.timer.has_fired());
  CHECK(heap.earliest() == 20);
  heap.disarm(late.timer);
  CHECK(heap.is_empty());
  heap.fire(kForever);
  CHECK(schedule.scheduled == std::vector{&early.cell.task});
}

TEST_CASE_TEMPLATE("disarming what is not armed, or has fired, does nothing", Timers, TimerHeap, TimerWheel) {
  RecordingSchedule schedule;
  Timers heap;
  Sleeper one(schedule, 1), other(schedule, 2);
  heap.disarm(one.timer);
  heap.arm(one.timer);
  heap.arm(other.timer);
  heap.fire(1);
  heap.disarm(one.timer);
  CHECK(heap.earliest() == 2);
  heap.disarm(other.timer);
  heap.disarm(other.timer);
  CHECK(heap.is_empty());
}

TEST_CASE_TEMPLATE("equal deadlines fire in the order of arming, also when others leave in between", Timers, TimerHeap,
                   TimerWheel) {
  RecordingSchedule schedule;
  Timers heap;
  std::deque<Sleeper> sleepers;
  std::vector<runtime::task::Task*> expected;
  constexpr Nanos kDeadline = 5'000'000'000;  // far enough for the wheel to turn
  for (int i = 0; i < 1000; ++i) heap.arm(sleepers.emplace_back(schedule, kDeadline).timer);
  for (std::size_t i = 0; i < sleepers.size(); ++i) {
    if (i % 3 == 0) {
      heap.disarm(sleepers[i].timer);
    } else {
      expected.push_back(&sleepers[i].cell.task);
    }
  }
  for (Nanos now = 0; now < kDeadline; now += 100'000'000) heap.fire(now);
  CHECK(schedule.scheduled.empty());
  heap.fire(kDeadline);
  CHECK((schedule.scheduled == expected));
}

TEST_CASE_TEMPLATE("whatever is armed, disarmed and fired is as in an ordered map", Timers, TimerHeap, TimerWheel) {
  RecordingSchedule schedule;
  Timers heap;
  std::mt19937 random(20240607);
  // Some near, some far: up to minutes from now.
  const auto some_time = [&random](unsigned most) {
    constexpr int kScales = std::is_same_v<Timers, TimerWheel> ? 32 : 1;
    return static_cast<Nanos>(random() % most) << (random() % kScales);
  };
  std::map<std::pair<Nanos, int>, std::unique_ptr<Sleeper>> armed;  // by deadline, then by order of arming
  Nanos now = 0;
  int order = 0;
  bool same_order = true, same_earliest = true;
  std::size_t fired = 0;
  for (int step = 0; step < 60'000; ++step) {
    const auto dice = random() % 10;
    if (dice < 6 || armed.empty()) {
      const Nanos deadline = now + some_time(200);
      auto& sleeper = armed[{deadline, order++}];
      sleeper = std::make_unique<Sleeper>(schedule, deadline);
      heap.arm(sleeper->timer);
    } else if (dice < 9) {
      auto victim = armed.lower_bound({now + some_time(200), 0});
      if (victim == armed.end()) victim = armed.begin();
      heap.disarm(victim->second->timer);
      armed.erase(victim);
    } else {
      now += some_time(60);
      schedule.scheduled.clear();
      heap.fire(now);
      std::size_t count = 0;
      while (!armed.empty() && armed.begin()->first.first <= now) {
        same_order &=
            count < schedule.scheduled.size() && schedule.scheduled[count] == &armed.begin()->second->cell.task;
        same_order &= armed.begin()->second->timer.has_fired();
        armed.erase(armed.begin());
        ++count;
      }
      same_order &= count == schedule.scheduled.size();
      fired += count;
    }
    const Nanos earliest = armed.empty() ? kForever : armed.begin()->first.first;
    if constexpr (std::is_same_v<Timers, TimerWheel>) {
      same_earliest &= heap.earliest_bound() <= earliest && heap.size() == armed.size();
      if (step % 16 != 0) continue;
    }
    same_earliest &= heap.earliest() == earliest;
  }
  CHECK(same_order);
  CHECK(same_earliest);
  CHECK(fired > 10'000);
  for (auto& [key, sleeper] : armed) heap.disarm(sleeper->timer);
  CHECK(heap.is_empty());
}

TEST_CASE("a wheel takes any deadline, and knows the first one's exactly while nobody has left") {
  RecordingSchedule schedule;
  TimerWheel wheel;
  Sleeper never(schedule, kForever - 1), past(schedule, -5), soon(schedule, 3'000'000), late(schedule, 70'000'000'000);
  wheel.arm(never.timer);
  CHECK(wheel.earliest_bound() == kForever - 1);
  wheel.arm(late.timer);
  wheel.arm(soon.timer);
  CHECK(wheel.earliest_bound() == 3'000'000);
  wheel.arm(past.timer);
  CHECK(wheel.earliest_bound() == -5);
  wheel.fire(0);
  CHECK(past.timer.has_fired());
  wheel.disarm(soon.timer);
  CHECK(wheel.earliest_bound() <= 70'000'000'000);
  CHECK(wheel.earliest() == 70'000'000'000);
  wheel.fire(kForever - 2);
  CHECK(late.timer.has_fired());
  CHECK(wheel.size() == 1);
  CHECK_FALSE(never.timer.has_fired());
  wheel.fire(kForever);
  CHECK(never.timer.has_fired());
  CHECK(wheel.is_empty());
  CHECK(wheel.earliest_bound() == kForever);
}

TEST_CASE("a wheel counts who is due within a millisecond of the first, before that has begun and after") {
  constexpr Nanos kTick = Nanos{1} << 20;
  RecordingSchedule schedule;
  TimerWheel wheel;
  CHECK(wheel.near().count == 0);
  Sleeper first(schedule, 3 * kTick), same(schedule, 3 * kTick + kTick / 2), gone(schedule, 3 * kTick + 1),
      next(schedule, 4 * kTick), then(schedule, 4 * kTick + 1), far(schedule, 1000 * kTick);
  wheel.arm(far.timer);
  CHECK(wheel.near().count == 0);
  for (Sleeper* sleeper : {&first, &same, &gone, &next, &then}) wheel.arm(sleeper->timer);
  CHECK(wheel.near().count == 3);
  CHECK(wheel.near().span == kTick / 2);
  wheel.disarm(gone.timer);
  CHECK(wheel.near().count == 2);
  wheel.fire(3 * kTick);
  CHECK(first.timer.has_fired());
  CHECK(wheel.near().count == 2);  // `same`, and half of the two after it
  CHECK(wheel.near().span == kTick / 2 + 1);  // to `then`
  wheel.disarm(then.timer);
  CHECK(wheel.near().count == 1);
  wheel.fire(3 * kTick + kTick / 2);
  CHECK(wheel.near().count == 1);  // `next`
  CHECK(wheel.near().span <= 1);  // `then` was there
  wheel.disarm(next.timer);
  CHECK(wheel.near().count == 0);
  wheel.disarm(far.timer);
}

TEST_CASE("what timers that are close together may cost each other is within the millisecond that is promised") {
  constexpr Nanos kFirst = Nanos{5} << 20;
  RecordingSchedule schedule;
  const auto slack_of = [&](int count, Nanos apart) {
    TimerWheel wheel;
    std::deque<Sleeper> sleepers;
    for (int i = 0; i < count; ++i) wheel.arm(sleepers.emplace_back(schedule, kFirst + i * apart).timer);
    const Nanos most = slack(wheel.near());
    for (Sleeper& sleeper : sleepers) wheel.disarm(sleeper.timer);
    return most;
  };
  CHECK(slack_of(1, 0) == 0);
  CHECK(slack_of(2, 500'000) == 20'000);  // so much is a wake-up worth
  CHECK(slack_of(2, 5'000'000) == 0);     // the other one is another wake-up's
  CHECK(slack_of(50, 0) == 0);            // none is due later, so nothing is to be won
  CHECK(slack_of(1'000, 0) == 0);
  CHECK(slack_of(4, 1'000) == 3'000);     // not beyond the last
  CHECK(slack_of(50, 18'000) == 750'000 - 49 * 500);
  CHECK(slack_of(1'000, 1'000) == 750'000 - 999 * 500);
  CHECK(slack_of(20'000, 50) == 0);       // they keep the thread busy
}

// A recursion over them would need megabytes; this thread has far less.
TEST_CASE_FIXTURE(test::LeakCheck, "a hundred thousand siblings are put in order on a small stack") {
  const auto body = [](void*) -> void* {
    constexpr int kTimers = 100'000;
    RecordingSchedule schedule;
    TestTask cell(schedule);
    cell.task.phase = runtime::task::Phase::running;  // nobody needs waking
    for (const bool ascending : {true, false}) {
      TimerHeap heap;
      Timer first(cell.task, -1);
      std::deque<Timer> timers;
      if (ascending) heap.arm(first);
      for (int i = 0; i < kTimers; ++i) heap.arm(timers.emplace_back(cell.task, ascending ? i : kTimers - i));
      heap.disarm(first);
      CHECK(heap.earliest() == (ascending ? 0 : 1));
      heap.fire(kForever);
      CHECK(heap.is_empty());
      std::size_t fired = 0;
      for (const Timer& timer : timers) fired += timer.has_fired();
      CHECK(fired == kTimers);
    }
    return nullptr;
  };
  pthread_attr_t attributes;
  REQUIRE(::pthread_attr_init(&attributes) == 0);
  REQUIRE(::pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
  pthread_t thread;
  REQUIRE(::pthread_create(&thread, &attributes, body, nullptr) == 0);
  REQUIRE(::pthread_join(thread, nullptr) == 0);
  ::pthread_attr_destroy(&attributes);
}
