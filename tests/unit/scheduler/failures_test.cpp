#include "scheduler/failures.hpp"

#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "support/captured_stderr.hpp"
#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using runtime::UnhandledException;
using runtime::scheduler::Failures;
using runtime::task::Failure;

namespace {

struct Failed {
  Failed(test::RecordingSchedule& schedule, const char* text) : cell(schedule) {
    cell.task.exception = std::make_exception_ptr(std::runtime_error(text));
  }
  test::TestTask cell;
};

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "a kept exception is told at the end, unless it was received or given up before") {
  const test::CapturedStderr captured;
  test::RecordingSchedule schedule;
  Failures failures(UnhandledException::report);
  Failed first(schedule, "first"), second(schedule, "second"), third(schedule, "third");
  for (Failed* failed : {&first, &second, &third}) failures.keep(failed->cell.task);
  CHECK(first.cell.task.failure == Failure::kept);
  failures.receive(second.cell.task);
  CHECK_FALSE(failures.give_up(third.cell.task, true));
  CHECK(count(captured.text(), "third") == 1);
  failures.give_up_kept();
  failures.give_up_kept();
  CHECK_FALSE(failures.give_up(first.cell.task, true));
  CHECK(count(captured.text(), "first") == 1);
  CHECK(count(captured.text(), "second") == 0);
  CHECK(count(captured.text(), "third") == 1);
  for (Failed* failed : {&first, &second, &third}) CHECK(failed->cell.task.failure == Failure::heard);
  CHECK(schedule.recycled().empty());  // it took no reference for good
}

TEST_CASE_FIXTURE(test::LeakCheck, "an exception that is dropped while it is told of is left to whoever tells") {
  struct Dropping final : std::exception {
    Dropping(Failures& into, Failed& of, bool& flag) : failures(&into), failed(&of), told_when_destroyed(&flag) {}
    ~Dropping() override { *told_when_destroyed = told; }
    const char* what() const noexcept override {
      std::thread([this] {
        CHECK_FALSE(failures->give_up(failed->cell.task, true));
        failed->cell.task.exception = nullptr;
      }).join();
      told = true;
      return "dropped meanwhile";
    }
    Failures* failures;
    Failed* failed;
    bool* told_when_destroyed;
    mutable bool told = false;
  };
  const test::CapturedStderr captured;
  test::RecordingSchedule schedule;
  Failures failures(UnhandledException::report);
  Failed failed(schedule, "");
  bool told_when_destroyed = false;
  failed.cell.task.exception = std::make_exception_ptr(Dropping(failures, failed, told_when_destroyed));
  failures.keep(failed.cell.task);
  failures.give_up_kept();
  CHECK(failed.cell.task.exception == nullptr);
  CHECK(failed.cell.task.failure == Failure::heard);
  CHECK(told_when_destroyed);
  CHECK(count(captured.text(), "dropped meanwhile") == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an exception that was never kept is given up all the same") {
  const test::CapturedStderr captured;
  test::RecordingSchedule schedule;
  Failures failures(UnhandledException::report);
  Failed failed(schedule, "detached");
  CHECK_FALSE(failures.give_up(failed.cell.task, true));
  CHECK(count(captured.text(), "detached") == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "the first that may stop the runtime is its cause; what cannot is told") {
  const test::CapturedStderr captured;
  test::RecordingSchedule schedule;
  Failures failures(UnhandledException::shutdown_runtime);
  Failed late(schedule, "too late"), first(schedule, "first"), second(schedule, "second");
  CHECK_FALSE(failures.give_up(late.cell.task, false));
  CHECK_FALSE(failures.has_cause());
  CHECK(failures.give_up(first.cell.task, true));
  CHECK(failures.has_cause());
  CHECK_FALSE(failures.give_up(second.cell.task, true));
  CHECK(failures.cause().find("first") != std::string::npos);
  failures.tell_cause();
  CHECK(count(captured.text(), "first") == 0);  // it was asked for
  CHECK(count(captured.text(), "second") == 1);
  CHECK(count(captured.text(), "too late") == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a cause that nobody has asked for is told at the end") {
  const test::CapturedStderr captured;
  Failures failures(UnhandledException::shutdown_runtime);
  try {
    throw std::runtime_error("bent");
  } catch (...) {
    CHECK(failures.hook_threw("on_thread_park", true));
  }
  failures.tell_cause();
  failures.tell_cause();
  CHECK(count(captured.text(), "on_thread_park") == 1);
  CHECK(count(captured.text(), "bent") == 1);
}
