#pragma once

#include <atomic>

#include "base/clock.hpp"
#include "base/thread_parker.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

/// One who waits for a task to end: a fiber, or a thread. Lives on the waiter's stack.
class JoinWaiter {
 public:
  /// The task has ended. Called once, by the thread that ended it; the waiter may be gone before it returns.
  virtual void notify() noexcept = 0;

 protected:
  ~JoinWaiter() = default;
};

/// Values of Task::joiner that are no waiter. (A waiter that enlisted locally is marked by its lowest bit but two.)
inline JoinWaiter* const kDetached = reinterpret_cast<JoinWaiter*>(1);
inline JoinWaiter* const kEnded = reinterpret_cast<JoinWaiter*>(2);

inline bool Task::is_finished() const noexcept {
  return joiner.load(std::memory_order_acquire) == kEnded;  // pairs with publish_end()
}

/// A fiber that waits: it parks until is_notified().
class FiberWaiter final : public JoinWaiter {
 public:
  explicit FiberWaiter(Task& waiter) noexcept : waiter_(waiter) {}

  void notify() noexcept override;
  /// The same on the waiter's own thread.
  void notify_here() noexcept;
  bool is_notified() const noexcept { return notified_.load(std::memory_order_acquire); }

 private:
  Task& waiter_;
  std::atomic<bool> notified_{false};
};

/// A thread that waits.
class ThreadWaiter final : public JoinWaiter {
 public:
  void notify() noexcept override { parker_.unpark(); }
  /// False when the deadline came first.
  bool park_until(base::Nanos deadline) noexcept { return parker_.park_until(deadline); }

 private:
  base::ThreadParker parker_;
};

enum class Enlisted : unsigned char {
  yes,
  task_has_ended,
  place_is_taken,  // somebody else joins through the same handle
};

/// Takes the place of the joiner.
Enlisted enlist(Task& task, JoinWaiter& waiter) noexcept;

/// Leaves it again. False: the task has ended meanwhile, and notify() has been called or is about to be, so the waiter
/// has to stay until it was.
bool withdraw(Task& task, JoinWaiter& waiter) noexcept;

/// The same for a fiber on the thread that will end the task, where nothing happens at once: no atomic
/// read-modify-write, which would be a third of what spawning and joining costs.
inline bool joins_locally(const Task& task) noexcept { return task.kind != Kind::blocking && task.schedule->is_owner(); }
Enlisted enlist_locally(Task& task, FiberWaiter& waiter) noexcept;
void withdraw_locally(Task& task) noexcept;

inline bool is_detached(const Task& task) noexcept { return task.joiner.load(std::memory_order_acquire) == kDetached; }

/// The result or the exception is in the cell: tells the joiner. The runtime's share in the cell ends with it, unless it
/// answers true: the handle has gone, and the caller has the outcome to drop and the last share to give up. Thread that
/// ended the task.
[[nodiscard]] bool publish_end(Task& task) noexcept;

/// The join handle goes away, and the outcome with it if there is one. Any thread. Reports and terminates when somebody
/// is joining through that handle.
void detach(Task& task) noexcept;

}  // namespace runtime::inline v1::task
