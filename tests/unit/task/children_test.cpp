#include "task/children.hpp"

#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include "support/test_task.hpp"

using namespace runtime::task;
using test::RecordingSchedule;
using test::TestTask;

namespace {

struct Stage {
  RecordingSchedule schedule;
  TestTask owner{schedule};
  TestTask a_cell{schedule}, b_cell{schedule};
  Children children{owner.task};
  Child a{&children, &a_cell.task, nullptr, nullptr};
  Child b{&children, &b_cell.task, nullptr, nullptr};
};

}  // namespace

TEST_CASE_FIXTURE(Stage, "it is over when every child has ended, and the owner is woken by the last") {
  CHECK(children.is_over());
  children.add(a);
  children.add(b);
  children.leave(b);
  children.ended();
  CHECK_FALSE(children.is_over());
  CHECK(schedule.scheduled.empty());
  children.leave(a);
  CHECK_FALSE(children.is_over());  // its frame may still be needed
  children.ended();
  CHECK(children.is_over());
  CHECK(schedule.scheduled == std::vector{&owner.task});
}

TEST_CASE_FIXTURE(Stage, "cancelling reaches the children that have not left, the body, and those that come later") {
  CancelScope body(owner.task);
  children.body = &body;
  children.add(a);
  children.add(b);
  children.leave(a);
  children.cancel();
  CHECK_FALSE(a_cell.task.is_cancel_requested());
  CHECK(b_cell.task.is_cancel_requested());
  CHECK(body.is_cancelled());
  TestTask late_cell(schedule);
  Child late{&children, &late_cell.task, nullptr, nullptr};
  children.add(late);
  CHECK(late_cell.task.is_cancel_requested());
  children.body = nullptr;
}

TEST_CASE_FIXTURE(Stage, "the first error in time is the scope's, and cancels the others") {
  children.add(a);
  children.add(b);
  CHECK(children.fail(std::make_exception_ptr(1)));
  CHECK(b_cell.task.is_cancel_requested());
  CHECK_FALSE(children.fail(std::make_exception_ptr(std::runtime_error("second"))));
  CHECK_THROWS_AS(std::rethrow_exception(children.error), int);
}
