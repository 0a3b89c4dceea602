#pragma once

#include <atomic>

#include "fiber/fiber.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

/// A stretch of a fiber's code that can be cancelled by itself, or that cancellation from outside does not reach.
///
/// Scopes nest; the outermost, which every task is, needs no object. A wait ends as cancelled when some scope around it
/// has been cancelled and no shield stands between. `Cancelled` then unwinds to the outermost of these, whose owner
/// catches it (see is_target()). Lives in a frame.
/// Thread safety: owner thread, but for cancel(). Borrows: the task.
class CancelScope final {
 public:
  enum class Reach : bool { open, shielded };

  explicit CancelScope(Task& task, Reach reach = Reach::open) noexcept;
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;
  ~CancelScope();

  /// The next wait inside ends as cancelled, and one that goes on now is woken. Any thread that is sure of the scope's
  /// memory until this returns.
  void cancel() noexcept;
  bool is_cancelled() const noexcept { return cancelled_.load(std::memory_order_acquire); }

  /// In a handler of `Cancelled` around the scope's code: true if it was thrown for this scope, and is to be swallowed.
  bool is_target() const noexcept;

  Task& task() const noexcept { return task_; }

  /// The code of the running task that asks now may not go on waiting.
  static bool is_due(const Task& task) noexcept;
  /// Somebody has asked the running code to end, be it shielded or not.
  static bool is_requested(const Task& task) noexcept;

 private:
  static CancelScope* innermost(const Task& task) noexcept { return task.fiber->scopes; }
  static bool is_due_from(const Task& task, const CancelScope* scope) noexcept;

  Task& task_;
  fiber::Fiber& fiber_;
  CancelScope* const outer_;
  const int unwinding_;  // exceptions in flight when it was entered: a destructor may open a scope while it unwinds
  const Reach reach_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace runtime::inline v1::task
