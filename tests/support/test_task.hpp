#pragma once

#include <cstddef>

#include "support/recording_schedule.hpp"
#include "task/task.hpp"

namespace test {

/// A task outside any pool, with the room for a result that counts how often it was destroyed.
class TestTask {
 public:
  explicit TestTask(RecordingSchedule& schedule) {
    task.schedule = &schedule;
    task.table = &kTable;
    task.phase = runtime::task::Phase::parked;
    task.fiber = &fiber;
  }

  /// The result is stored, as if the closure had returned.
  void give_result(int& destroyed) {
    *static_cast<int**>(task.result_slot()) = &destroyed;
    task.has_result = true;
  }

  using Task = runtime::task::Task;
  Task task;
  std::byte behind[64] = {};  // where the body goes on, as in a cell
  alignas(64) runtime::fiber::Fiber fiber;  // on which nothing runs

 private:
  static void run(void*) {}
  static void drop_closure(void*) noexcept {}
  static void drop_result(void* body) noexcept { ++**static_cast<int**>(body); }
  static constexpr runtime::detail::CellTable kTable = {
      sizeof(runtime::detail::CellTable), 8, sizeof(int*), 0, &run, &drop_closure, &drop_result};
};

static_assert(offsetof(TestTask, behind) == sizeof(runtime::task::Task));

}  // namespace test
