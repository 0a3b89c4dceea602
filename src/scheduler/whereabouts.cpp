#include "scheduler/current_thread.hpp"
#include "task/current.hpp"

// Runtimes nest on one thread: the root of an inner one sits on the stack of a task of an outer one, which is running as
// far as the outer one knows. So where a task's frames are is not always where its own fiber stopped.

namespace runtime::inline v1::scheduler {

using task::Kind;
using task::Phase;
using task::Task;

CurrentThread::Whereabouts CurrentThread::whereabouts(const Task& task) noexcept {
  // From the code that runs now outwards: each runtime's native stack is the stack of whoever entered it.
  const Task* inner = task::current();
  Whereabouts stack{Whereabouts::here, nullptr};
  while (inner != nullptr && inner->kind != Kind::blocking) {
    if (inner == &task) return stack;
    const auto& scheduler = *static_cast<const CurrentThread*>(inner->schedule);
    if (inner->fiber != &scheduler.native_) stack = {Whereabouts::stopped, &scheduler.native_};
    if (task.fiber == &scheduler.native_) return stack;
    inner = scheduler.outer_;
  }
  const auto& scheduler = *static_cast<const CurrentThread*>(task.schedule);
  if (task.fiber == &scheduler.native_) {
    // Asleep, it is where the task that it sleeps in is; else its loop runs, on the stack we are on.
    return scheduler.asleep_in_ != nullptr ? whereabouts(*scheduler.asleep_in_) : Whereabouts{Whereabouts::here, nullptr};
  }
  if (task.fiber == nullptr || task.phase == Phase::running) return {Whereabouts::unknown, nullptr};
  return {Whereabouts::stopped, task.fiber};
}

std::size_t CurrentThread::stack_left() noexcept {
  const Task* task = task::current();
  while (task != nullptr && task->kind != Kind::blocking) {
    const auto& scheduler = *static_cast<const CurrentThread*>(task->schedule);
    if (task->fiber != &scheduler.native_) {
      return static_cast<std::size_t>(static_cast<std::byte*>(__builtin_frame_address(0)) - task->fiber->low);
    }
    task = scheduler.outer_;
  }
  return SIZE_MAX;
}

}  // namespace runtime::inline v1::scheduler
