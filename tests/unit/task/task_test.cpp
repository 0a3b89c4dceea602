#include "task/task.hpp"

#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"
#include "task/join.hpp"

using namespace runtime::task;
using test::RecordingSchedule;
using test::TestTask;

TEST_CASE("an abort sets the flag and wakes a parked task, the first time") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  CHECK_FALSE(cell.task.is_cancel_requested());
  cell.task.abort();
  CHECK(cell.task.is_cancel_requested());
  CHECK(schedule.scheduled == std::vector{&cell.task});
  cell.task.phase = Phase::parked;
  cell.task.abort();
  CHECK(schedule.scheduled.size() == 1);
}

TEST_CASE("an abort does not queue a task that is ready or running a second time") {
  for (const Phase phase : {Phase::ready, Phase::running}) {
    RecordingSchedule schedule;
    TestTask cell(schedule);
    cell.task.phase = phase;
    cell.task.abort();
    CHECK(cell.task.is_cancel_requested());
    CHECK(schedule.scheduled.empty());
  }
}

TEST_CASE("an abort of a task that has ended, or of a blocking closure, wakes nobody") {
  RecordingSchedule schedule;
  TestTask ended(schedule), blocking(schedule);
  CHECK_FALSE(publish_end(ended.task));
  ended.task.abort();
  CHECK_FALSE(ended.task.is_cancel_requested());
  blocking.task.kind = Kind::blocking;
  blocking.task.abort();
  CHECK(blocking.task.is_cancel_requested());
  CHECK(schedule.scheduled.empty());
}

TEST_CASE_FIXTURE(test::LeakCheck, "an abort by another thread goes through the inject queue") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  std::thread([&] { cell.task.abort(); }).join();
  CHECK(cell.task.is_cancel_requested());
  CHECK(schedule.scheduled.empty());
  CHECK(schedule.remote() == std::vector{&cell.task});
}

TEST_CASE_FIXTURE(test::LeakCheck, "the last of all references destroys the task, whoever drops it") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  constexpr int kThreads = 4;
  for (int i = 0; i < kThreads; ++i) cell.task.add_reference();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&] { cell.task.drop_reference(); });
  for (std::thread& thread : threads) thread.join();
  CHECK(schedule.recycled().empty());
  cell.task.drop_reference();
  CHECK(schedule.recycled() == std::vector{&cell.task});
}

TEST_CASE("an outcome is dropped once: a result is destroyed, an exception that nobody received reported") {
  RecordingSchedule schedule;
  TestTask with_result(schedule), with_exception(schedule), with_received(schedule);
  int destroyed = 0;
  with_result.give_result(destroyed);
  with_exception.task.exception = std::make_exception_ptr(1);
  with_received.task.exception = std::make_exception_ptr(1);
  with_received.task.failure = Failure::heard;
  for (int i = 0; i < 2; ++i) {
    for (TestTask* cell : {&with_result, &with_exception, &with_received}) cell->task.drop_outcome();
  }
  CHECK(destroyed == 1);
  CHECK(schedule.unhandled() == std::vector{&with_exception.task});
  CHECK(with_received.task.exception == nullptr);
}

TEST_CASE("a hold counts on the task, for the root on its scheduler") {
  RecordingSchedule schedule;
  TestTask cell(schedule), root(schedule);
  root.task.kind = Kind::root;
  cell.task.hold();
  root.task.hold();
  CHECK(cell.task.references == 2);
  CHECK(root.task.references == 1);
  CHECK(schedule.holds == 1);
  cell.task.unhold();
  root.task.unhold();
  CHECK(cell.task.references == 1);
  CHECK(schedule.holds == 0);
  CHECK(schedule.recycled().empty());
}

namespace {

constexpr std::string_view kName = "reader";

Attributes* attributes_with_name() {
  void* memory = ::operator new(sizeof(Attributes) + kName.size());
  auto* attributes = ::new (memory) Attributes{0, kName.size()};
  std::memcpy(static_cast<std::byte*>(memory) + sizeof(Attributes), kName.data(), kName.size());
  return attributes;
}

}  // namespace

TEST_CASE("what a task has behind its body does not need the table any more, whose library may have gone") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  cell.task.set_attributes(attributes_with_name());
  CHECK(static_cast<std::byte*>(cell.task.tail()) == static_cast<std::byte*>(cell.task.body()) + 2 * Task::kWord);
  int destroyed = 0;
  cell.give_result(destroyed);
  CHECK(cell.task.name() == kName);
  cell.task.drop_outcome();
  CHECK(destroyed == 1);
  cell.task.table = nullptr;
  CHECK(cell.task.name() == kName);
  cell.task.drop_reference();
}

TEST_CASE("name and boxed body are given back with the task") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  CHECK(cell.task.name().empty());
  void* box = ::operator new (cell.task.table->body_size, std::align_val_t{cell.task.table->align});
  cell.task.boxed = true;
  std::memcpy(cell.task.place(), &box, sizeof box);
  cell.task.set_attributes(attributes_with_name());
  CHECK(cell.task.body() == box);
  CHECK(cell.task.name() == kName);
  int destroyed = 0;
  cell.give_result(destroyed);
  cell.task.drop_outcome();
  cell.task.drop_reference();  // the leak checkers see what is not freed
  CHECK(destroyed == 1);
}
