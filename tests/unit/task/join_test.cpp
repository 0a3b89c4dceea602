#include "task/join.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::task;
using test::RecordingSchedule;
using test::TestTask;

namespace {

class CountingWaiter final : public JoinWaiter {
 public:
  void notify() noexcept override { ++count; }
  std::atomic<int> count{0};
};

/// As the runtime does when a task has ended.
void end(Task& task) {
  if (!publish_end(task)) return;
  task.drop_outcome();
  task.drop_reference();
}

/// Two threads that begin each round together; the calling one is the first.
template <class First, class Second>
void race(int rounds, First first, Second second) {
  std::atomic<int> round{0}, done{0};
  std::thread other([&] {
    for (int i = 1; i <= rounds; ++i) {
      while (round.load() < i) std::this_thread::yield();
      second();
      done.store(i);
    }
  });
  for (int i = 1; i <= rounds; ++i) {
    first.prepare();
    round.store(i);
    first.run();
    while (done.load() < i) std::this_thread::yield();
    first.judge();
  }
  other.join();
}

}  // namespace

TEST_CASE("a task that ended before its handle went is destroyed with the handle, result and all") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  int destroyed = 0;
  cell.give_result(destroyed);
  CHECK_FALSE(cell.task.is_finished());
  end(cell.task);
  CHECK(cell.task.is_finished());
  CHECK(schedule.recycled().empty());
  detach(cell.task);
  CHECK(schedule.recycled() == std::vector{&cell.task});
  CHECK(destroyed == 1);
}

TEST_CASE("a task whose handle went first is destroyed at its end") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  int destroyed = 0;
  cell.give_result(destroyed);
  detach(cell.task);
  CHECK(schedule.recycled().empty());
  end(cell.task);
  CHECK(schedule.recycled() == std::vector{&cell.task});
  CHECK(destroyed == 1);
}

TEST_CASE("an exception that nobody received is reported once, whichever of end and handle comes first") {
  for (const bool ends_first : {true, false}) {
    for (const bool received : {true, false}) {
      CAPTURE(ends_first);
      CAPTURE(received);
      RecordingSchedule schedule;
      TestTask cell(schedule);
      cell.task.exception = std::make_exception_ptr(1);
      if (received) cell.task.failure = Failure::heard;
      if (ends_first) end(cell.task);
      detach(cell.task);
      if (!ends_first) end(cell.task);
      CHECK(schedule.unhandled().size() == (received ? 0 : 1));
      CHECK(schedule.recycled().size() == 1);
    }
  }
}

TEST_CASE("a waiter that is enlisted is told of the end, once; one that comes later is not needed") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  CountingWaiter waiter, late;
  CHECK(enlist(cell.task, waiter) == Enlisted::yes);
  CHECK_FALSE(cell.task.is_finished());
  end(cell.task);
  CHECK(waiter.count == 1);
  CHECK(cell.task.is_finished());
  CHECK(enlist(cell.task, late) == Enlisted::task_has_ended);
  CHECK_FALSE(withdraw(cell.task, waiter));
  detach(cell.task);
  CHECK(waiter.count == 1);
  CHECK(late.count == 0);
}

TEST_CASE("the place of the joiner is for one at a time, however the two enlist") {
  RecordingSchedule schedule;
  TestTask joined(schedule), joiner(schedule);
  CountingWaiter first, second;
  FiberWaiter local(joiner.task);
  CHECK(enlist(joined.task, first) == Enlisted::yes);
  CHECK(enlist(joined.task, second) == Enlisted::place_is_taken);
  CHECK(enlist_locally(joined.task, local) == Enlisted::place_is_taken);
  CHECK_FALSE(withdraw(joined.task, second));
  CHECK(withdraw(joined.task, first));
  CHECK(enlist_locally(joined.task, local) == Enlisted::yes);
  CHECK(enlist(joined.task, second) == Enlisted::place_is_taken);
  end(joined.task);
  CHECK(local.is_notified());
  CHECK(first.count + second.count == 0);
  detach(joined.task);
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "a handle that goes while somebody joins through it is reported, and ends the program") {
  const auto end = test::in_child([] {
    RecordingSchedule schedule;
    TestTask cell(schedule);
    cell.task.id = 9;
    CountingWaiter waiter;
    static_cast<void>(enlist(cell.task, waiter));
    detach(cell.task);
    test::say("still alive");
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("the JoinHandle of task 9 was destroyed while somebody joins through it"));
  CHECK_FALSE(end.says("still alive"));
}

TEST_CASE("a waiter that withdraws in time hears nothing, and may come back") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  CountingWaiter waiter;
  CHECK(enlist(cell.task, waiter) == Enlisted::yes);
  CHECK(withdraw(cell.task, waiter));
  CHECK(enlist(cell.task, waiter) == Enlisted::yes);
  CHECK(withdraw(cell.task, waiter));
  end(cell.task);
  CHECK(waiter.count == 0);
  detach(cell.task);
}

TEST_CASE("a fiber of the task's own thread enlists, withdraws and is woken without an exchange") {
  RecordingSchedule schedule;
  TestTask joined(schedule), joiner(schedule);
  CHECK(joins_locally(joined.task));
  FiberWaiter waiter(joiner.task);
  CHECK(enlist_locally(joined.task, waiter) == Enlisted::yes);
  CHECK_FALSE(joined.task.is_finished());
  withdraw_locally(joined.task);
  CHECK(enlist_locally(joined.task, waiter) == Enlisted::yes);
  end(joined.task);
  CHECK(joined.task.is_finished());
  CHECK(waiter.is_notified());
  CHECK(schedule.scheduled == std::vector{&joiner.task});
  withdraw_locally(joined.task);
  CHECK(joined.task.is_finished());
  CHECK(enlist_locally(joined.task, waiter) == Enlisted::task_has_ended);
  detach(joined.task);
  CHECK(schedule.recycled() == std::vector{&joined.task});
}

TEST_CASE_FIXTURE(test::LeakCheck, "only a fiber task joined on its owner thread is joined locally") {
  RecordingSchedule schedule;
  TestTask fiber(schedule), blocking(schedule);
  blocking.task.kind = Kind::blocking;
  CHECK(joins_locally(fiber.task));
  CHECK_FALSE(joins_locally(blocking.task));
  std::thread([&] { CHECK_FALSE(joins_locally(fiber.task)); }).join();
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "a fiber's waiter told by another thread wakes through the inject queue, with a hold on the task") {
  RecordingSchedule schedule;
  TestTask waiting(schedule);
  FiberWaiter waiter(waiting.task);
  std::thread([&] { waiter.notify(); }).join();
  CHECK(waiter.is_notified());
  CHECK(schedule.scheduled.empty());
  CHECK(schedule.remote() == std::vector{&waiting.task});
  CHECK(waiting.task.references == 1);

  // The root's memory is the runtime's.
  waiting.task.kind = Kind::root;
  std::thread([&] { waiter.notify(); }).join();
  CHECK(schedule.remote().size() == 2);
  CHECK(schedule.holds == 0);
  CHECK(schedule.recycled().empty());
}

TEST_CASE_FIXTURE(test::LeakCheck, "a thread waits for a task with and without a deadline") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  ThreadWaiter timed;
  REQUIRE(enlist(cell.task, timed) == Enlisted::yes);
  CHECK_FALSE(timed.park_until(runtime::base::deadline_after(1'000'000)));
  REQUIRE(withdraw(cell.task, timed));

  ThreadWaiter waiter;
  REQUIRE(enlist(cell.task, waiter) == Enlisted::yes);
  std::thread ender([&] { end(cell.task); });
  CHECK(waiter.park_until(runtime::base::kForever));
  ender.join();
  detach(cell.task);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an end and a handle going at the same moment destroy the task once") {
  RecordingSchedule schedule;
  std::unique_ptr<TestTask> cell;
  int destroyed = 0, expected = 0;
  bool good = true;
  struct {
    std::function<void()> prepare, run, judge;
  } first{[&] {
            cell = std::make_unique<TestTask>(schedule);
            cell->give_result(destroyed);
          },
          [&] { end(cell->task); }, [&] { good &= destroyed == ++expected; }};
  race(20'000, first, [&] { detach(cell->task); });
  CHECK(good);
  CHECK(schedule.recycled().size() == 20'000);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a waiter that withdraws at the moment of the end has either left or been told") {
  RecordingSchedule schedule;
  std::unique_ptr<TestTask> cell;
  std::unique_ptr<CountingWaiter> waiter;
  bool withdrawn = false, good = true;
  int left = 0;
  struct {
    std::function<void()> prepare, run, judge;
  } first{[&] {
            cell = std::make_unique<TestTask>(schedule);
            waiter = std::make_unique<CountingWaiter>();
            good &= enlist(cell->task, *waiter) == Enlisted::yes;
          },
          [&] { withdrawn = withdraw(cell->task, *waiter); },
          [&] {
            good &= waiter->count == (withdrawn ? 0 : 1);
            left += withdrawn;
            detach(cell->task);
          }};
  race(20'000, first, [&] { end(cell->task); });
  CHECK(good);
  MESSAGE("withdrew in time: ", left, " of 20000");
}
