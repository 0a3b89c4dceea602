#include "task/unhandled.hpp"

#include <cstring>
#include <new>
#include <stdexcept>

#include <doctest/doctest.h>

#include "support/captured_stderr.hpp"
#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::task;

namespace {

std::string report_of(std::exception_ptr exception) {
  test::RecordingSchedule schedule;
  test::TestTask cell(schedule);
  cell.task.id = 31;
  cell.task.spawn_file = "story.cpp";
  cell.task.spawn_line = 7;
  const test::CapturedStderr captured;
  report_unhandled_exception({&cell.task, nullptr, std::move(exception)});
  return captured.text();
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "the report names the task, where it was spawned, what was thrown and its type") {
  const std::string text = report_of(std::make_exception_ptr(std::out_of_range("no such page")));
  CHECK(text.find("task 31, spawned at story.cpp:7") != std::string::npos);
  CHECK(text.find("no such page (std::out_of_range)") != std::string::npos);
  CHECK(text.back() == '\n');
}

TEST_CASE_FIXTURE(test::LeakCheck, "what is not a std::exception is reported with its type") {
  CHECK(report_of(std::make_exception_ptr(5)).find("not a std::exception (int)") != std::string::npos);
}
