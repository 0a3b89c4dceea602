#include "task/park.hpp"

#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::task;
using test::RecordingSchedule;
using test::TestTask;

TEST_CASE("a park goes on until its condition is true, however often it is woken for nothing") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  CHECK(park_until(cell.task, [&] { return schedule.suspends == 3; }) == ParkEnd::done);
  CHECK(schedule.suspends == 3);
}

TEST_CASE("a condition that is true already does not park") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  CHECK(park_until(cell.task, [] { return true; }) == ParkEnd::done);
  park_until_certain(cell.task, [] { return true; });
  CHECK(schedule.suspends == 0);
}

TEST_CASE("cancellation ends a park, and wins over a condition that came true with it") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  bool done = false;
  schedule.on_suspend = [&] {
    cell.task.abort();
    done = true;
  };
  CHECK(park_until(cell.task, [&] { return done; }) == ParkEnd::cancelled);
  CHECK(schedule.suspends == 1);
  CHECK(park_until(cell.task, [&] { return done; }) == ParkEnd::cancelled);
  CHECK(schedule.suspends == 1);
}

TEST_CASE("a wait that must see its end is not ended by cancellation") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  cell.task.abort();
  park_until_certain(cell.task, [&] { return schedule.suspends == 2; });
  CHECK(schedule.suspends == 2);
}

TEST_CASE("a task is deaf to its cancellation while shielded, while closing and while an exception unwinds it") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  Task& task = cell.task;
  CHECK_FALSE(is_cancel_due(task));
  task.abort();
  CHECK(is_cancel_due(task));
  CHECK_THROWS_AS(throw_if_cancelled(task), runtime::Cancelled);

  {
    const CancelScope shield(task, CancelScope::Reach::shielded);
    CHECK_FALSE(is_cancel_due(task));
    CHECK_NOTHROW(throw_if_cancelled(task));
  }
  task.closing = true;
  CHECK_FALSE(is_cancel_due(task));
  task.closing = false;

  bool during_unwinding = true;
  struct Looks {
    Task& task;
    bool& due;
    ~Looks() { due = is_cancel_due(task); }
  };
  try {
    const Looks looks{task, during_unwinding};
    throw 1;
  } catch (int) {
    CHECK(is_cancel_due(task));  // inside catch, nothing is in flight any more
  }
  CHECK_FALSE(during_unwinding);
}

TEST_CASE("a shield makes the running task deaf while it lives, nests, and needs no task") {
  { const Shield nobody; }
  RecordingSchedule schedule;
  TestTask cell(schedule);
  cell.task.abort();
  const test::Running running(cell.task);
  {
    const Shield outer;
    { const Shield inner; }
    CHECK_FALSE(is_cancel_due(cell.task));
  }
  CHECK(is_cancel_due(cell.task));
  CHECK(cell.task.fiber->scopes == nullptr);
}

TEST_CASE("a wake makes a parked task ready, and only a parked one") {
  for (const Phase phase : {Phase::draft, Phase::ready, Phase::running, Phase::ended}) {
    RecordingSchedule schedule;
    TestTask cell(schedule);
    cell.task.phase = phase;
    wake(cell.task);
    CHECK(schedule.scheduled.empty());
    CHECK(cell.task.phase == phase);
  }
  RecordingSchedule schedule;
  TestTask cell(schedule);
  wake(cell.task);
  wake(cell.task);
  CHECK(schedule.scheduled == std::vector{&cell.task});
}

TEST_CASE_FIXTURE(test::LeakCheck, "a wake by another thread leaves the phase to the owner") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  cell.task.phase = Phase::running;
  std::thread([&] { wake(cell.task); }).join();
  CHECK(cell.task.phase == Phase::running);
  CHECK(schedule.remote() == std::vector{&cell.task});
}

TEST_CASE("a fiber and the root can park; blocking closures and plain threads cannot") {
  CHECK(parkable() == nullptr);
  RecordingSchedule schedule;
  for (const Kind kind : {Kind::fiber, Kind::root, Kind::blocking}) {
    TestTask cell(schedule);
    cell.task.kind = kind;
    const test::Running running(cell.task);
    CHECK(current() == &cell.task);
    CHECK(parkable() == (kind == Kind::blocking ? nullptr : &cell.task));
  }
  CHECK(current() == nullptr);
}
