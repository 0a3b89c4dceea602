#pragma once

#include <cstdint>

#include "task/current.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::sync {

/// Who holds a lock: a task, or a thread without one. The root of block_on is whoever called block_on, on whose stack it
/// runs: a lock may be taken before and given back inside.
struct Holder {
  /// The caller.
  static Holder self() noexcept {
    const task::Task* task = task::current();
    while (RUNTIME_UNLIKELY(task != nullptr && task->kind == task::Kind::root)) task = task->schedule->outer();
    if (RUNTIME_LIKELY(task != nullptr)) return {reinterpret_cast<std::uintptr_t>(task), task->id};
    return {task::this_thread() << 2 | 2, 0};  // no task has that address
  }

  std::uint64_t mark;     // not 0, the lowest bit free; of the living, nobody else's
  std::uint64_t task_id;  // 0: no task
};

static_assert(alignof(task::Task) > 2);

}  // namespace runtime::inline v1::sync
