#pragma once

#include <optional>

#include <runtime/error.hpp>

#include "task/cancel_scope.hpp"
#include "task/current.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

// Parking, for everybody who waits. The rule that makes it simple: a wake may come too often, never too seldom. Whoever
// parks looks at his own condition again, in a loop.

/// The running task, if it can park: null on plain and pool threads.
inline Task* parkable() noexcept {
  Task* task = current();
  return task != nullptr && task->kind != Kind::blocking ? task : nullptr;
}

/// True when the next wait of the running task has to end as cancelled. A task is deaf while it is shielded, while its
/// captures are destroyed, and while an exception unwinds its stack, so destructors may still wait.
inline bool is_cancel_due(const Task& task) noexcept {
  constexpr std::uint32_t kAny = Task::kCancelRequested | Task::kScopeCancelled;
  return RUNTIME_UNLIKELY((task.signals.load(std::memory_order_relaxed) & kAny) != 0) && CancelScope::is_due(task);
}

/// A wait of the running task ends as cancelled. Code that swallows that and tries again, for ever, gives way to the
/// others from some number on: it keeps neither the thread nor a shutdown with a limit. Not at once: a POSIX-style call
/// that says ECANCELED, or clean-up that tries to wait, is no such code, and has one resume in a shutdown without time.
inline void deliver_cancellation(Task& task) noexcept {
  if (task.cancels_delivered == Task::kCancelPatience) {
    task.schedule->yield(task);
  } else {
    ++task.cancels_delivered;
  }
}

inline void throw_if_cancelled(Task& task) {
  if (!is_cancel_due(task)) return;
  deliver_cancellation(task);
  throw Cancelled();
}

/// While it lives, the running task, if there is one, is deaf to cancellation: around destructors of the user's that run
/// outside an unwinding and must not be thrown out of.
class Shield final {
 public:
  Shield() noexcept {
    if (Task* task = parkable()) scope_.emplace(*task, CancelScope::Reach::shielded);
  }
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

 private:
  std::optional<CancelScope> scope_;
};

enum class ParkEnd : bool { done, cancelled };

/// Parks the running task until done() is true. Cancellation wins over a condition that came true with it.
template <class Done>
ParkEnd park_until(Task& task, Done done) noexcept {
  for (;;) {
    if (is_cancel_due(task)) {
      deliver_cancellation(task);
      return ParkEnd::cancelled;
    }
    if (done()) return ParkEnd::done;
    task.schedule->suspend(task);
  }
}

/// The same for waits that must see their end before the frame can go: cancellation does not end them.
template <class Done>
void park_until_certain(Task& task, Done done) noexcept {
  while (!done()) task.schedule->suspend(task);
}

/// Makes a parked task ready; does nothing to any other. wake(): any thread, as long as the caller is sure of the task's
/// memory; wake_here(): the owner's.
inline void wake_here(Task& task) noexcept {
  if (task.phase == Phase::parked) task.schedule->schedule(task);
}
inline void wake(Task& task) noexcept {
  if (task.schedule->is_owner()) {
    wake_here(task);
  } else {
    task.schedule->schedule_remote(task);
  }
}

}  // namespace runtime::inline v1::task
