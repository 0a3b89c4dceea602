#include "sync/holder.hpp"

#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using runtime::sync::Holder;
using test::RecordingSchedule;
using test::Running;
using test::TestTask;

TEST_CASE_FIXTURE(test::LeakCheck, "a thread without a task is a holder of its own, without an id, and always the same") {
  const Holder self = Holder::self();
  CHECK(self.mark != 0);
  CHECK(self.mark % 2 == 0);
  CHECK(self.task_id == 0);
  CHECK(Holder::self().mark == self.mark);
  std::thread([&] { CHECK(Holder::self().mark != self.mark); }).join();
}

TEST_CASE("a task is a holder of its own, whatever thread it is on, with its id") {
  RecordingSchedule schedule;
  TestTask first(schedule), second(schedule);
  first.task.id = 3;
  const std::uint64_t thread = Holder::self().mark;
  const Running running(first.task);
  const Holder self = Holder::self();
  CHECK(self.task_id == 3);
  CHECK(self.mark % 2 == 0);
  CHECK(self.mark != thread);
  const Running other(second.task);
  CHECK(Holder::self().mark != self.mark);
}

TEST_CASE("a root is whoever called block_on") {
  RecordingSchedule schedule;
  TestTask root(schedule);
  root.task.kind = runtime::task::Kind::root;
  const std::uint64_t thread = Holder::self().mark;
  const Running running(root.task);
  CHECK(Holder::self().mark == thread);
  CHECK(Holder::self().task_id == 0);
}
