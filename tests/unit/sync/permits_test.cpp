#include "sync/permits.hpp"

#include <functional>
#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::sync;
using runtime::base::kForever;
using test::RecordingSchedule;
using test::TestTask;

namespace {

const Reason kReason{runtime::task::WaitFor::semaphore, nullptr};

/// A task that waits for permits, and a step of the test that runs while it is parked.
struct Fixture : test::LeakCheck {
  Fixture() : cell(schedule) { cell.task.fiber = &fiber; }

  Took take(std::uint64_t n, std::function<void()> meanwhile) {
    schedule.on_suspend = std::move(meanwhile);
    return wait_for_permits(permits, n, &cell.task, kReason, kForever);
  }
  bool is_awaited() const { return (permits.state & 1) != 0; }

  Permits permits{2};
  RecordingSchedule schedule;
  runtime::fiber::Fiber fiber;
  TestTask cell;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what is free is taken at once, and nothing of it when it is too little") {
  CHECK(try_take(permits, 3) == Taking::too_few);
  CHECK(free_permits(permits) == 2);
  CHECK(try_take(permits, 2) == Taking::taken);
  CHECK(try_take(permits, 0) == Taking::taken);
  CHECK(try_take(permits, 1) == Taking::too_few);
  give(permits, 2);
  CHECK(take_up_to(permits, 5) == 2);
  CHECK(take_up_to(permits, 5) == 0);
}

TEST_CASE_FIXTURE(Fixture, "permits that came free before the waiter stood in the queue are found") {
  CHECK(take(2, [] { FAIL_CHECK("it had not to wait"); }) == Took::taken);
  CHECK_FALSE(is_awaited());
}

TEST_CASE_FIXTURE(Fixture, "a waiter has what was free, gets the rest, and what is left is free again") {
  CHECK(take(3, [this] {
    CHECK(is_awaited());
    CHECK(free_permits(permits) == 0);
    CHECK(try_take(permits, 0) == Taking::taken);
    give(permits, 4);
    CHECK(free_permits(permits) == 3);
  }) == Took::taken);
  CHECK_FALSE(is_awaited());
}

TEST_CASE_FIXTURE(Fixture, "a waiter that gives up returns what he had, and the state is anybody's again") {
  CHECK_THROWS_AS(take(3, [this] { cell.task.abort(); }), runtime::Cancelled);
  CHECK(free_permits(permits) == 2);
  CHECK_FALSE(is_awaited());

  // Without anything to return the mark stays, and does no harm.
  cell.task.signals = 0;
  CHECK(try_take(permits, 2) == Taking::taken);
  CHECK_THROWS_AS(take(3, [this] { cell.task.abort(); }), runtime::Cancelled);
  CHECK(try_take(permits, 1) == Taking::too_few);
  give(permits, 2);
  CHECK(free_permits(permits) == 2);
  CHECK_FALSE(is_awaited());
}

TEST_CASE_FIXTURE(Fixture, "closing refuses the waiter, and what he had is free") {
  CHECK(take(3, [this] { close(permits); }) == Took::closed);
  CHECK(free_permits(permits) == 2);
  CHECK(is_closed(permits));
  CHECK(try_take(permits, 1) == Taking::closed);
  CHECK(take(1, [] { FAIL_CHECK("it had not to wait"); }) == Took::closed);
}

TEST_CASE_FIXTURE(Fixture, "one who was granted all of it and is cancelled returns it") {
  CHECK_THROWS_AS(take(3,
                       [this] {
                         give(permits, 1);
                         cell.task.abort();
                       }),
                  runtime::Cancelled);
  CHECK(free_permits(permits) == 3);
}
