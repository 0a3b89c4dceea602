#include "time/park_until.hpp"

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::time;
using runtime::base::deadline_after;
using runtime::base::kForever;
using runtime::base::monotonic_now;

namespace {

/// A task whose parking is a sleep of this thread in a driver of its own.
struct Fixture : test::LeakCheck {
  Fixture() : schedule(&context), cell(schedule) {
    context = {nullptr, &driver, nullptr};
    schedule.on_suspend = [this] { driver.park(deadline_after(20'000'000'000), [] { return true; }); };
  }
  /// No timer of the wait is left behind in the heap: it lay in a frame that is gone.
  ~Fixture() { CHECK(driver.earliest() == kForever); }

  runtime::driver::Driver driver;
  runtime::context::Context context{};
  test::RecordingSchedule schedule;
  test::TestTask cell;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a condition that is true already does not park, even at a deadline that has passed") {
  CHECK(park_until(cell.task, kForever, [] { return true; }) == WaitEnd::done);
  CHECK(park_until(cell.task, 0, [] { return true; }) == WaitEnd::done);
  CHECK(schedule.suspends == 0);
}

TEST_CASE_FIXTURE(Fixture, "the deadline ends a wait whose condition never comes true, and not before its time") {
  const auto deadline = deadline_after(2'000'000);
  CHECK(park_until(cell.task, deadline, [] { return false; }) == WaitEnd::timed_out);
  CHECK(monotonic_now() >= deadline);
}

TEST_CASE_FIXTURE(Fixture, "a deadline that has passed is a suspension, not a spin") {
  CHECK(park_until(cell.task, 0, [] { return false; }) == WaitEnd::timed_out);
  CHECK(schedule.suspends == 1);
}

TEST_CASE_FIXTURE(Fixture, "a condition that comes true ends the wait before its deadline") {
  for (const auto deadline : {kForever, deadline_after(20'000'000'000)}) {
    const int before = schedule.suspends;
    schedule.on_suspend = [this] { driver.poll(); };
    CHECK(park_until(cell.task, deadline, [&] { return schedule.suspends >= before + 3; }) == WaitEnd::done);
  }
}

TEST_CASE_FIXTURE(Fixture, "a condition that comes true with the deadline is done, not timed out") {
  bool done = false;
  schedule.on_suspend = [&] {
    while (driver.earliest() != kForever) driver.park(kForever, [] { return true; });
    done = true;
  };
  CHECK(park_until(cell.task, deadline_after(1'000'000), [&] { return done; }) == WaitEnd::done);
}

TEST_CASE_FIXTURE(Fixture, "cancellation comes before everything else, with and without a deadline") {
  for (const auto deadline : {kForever, deadline_after(20'000'000'000), runtime::base::Nanos{0}}) {
    cell.task.signals = 0;
    bool done = false;
    schedule.on_suspend = [&] {
      cell.task.abort();
      done = true;
    };
    CHECK(park_until(cell.task, deadline, [&] { return done; }) == WaitEnd::cancelled);
    CHECK(park_until(cell.task, deadline, [] { return true; }) == WaitEnd::cancelled);
  }
}
