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

/// Takes the place of the joiner. False: the task has ended already. One joiner at a time: there is one join handle.
bool enlist(Task& task, JoinWaiter& waiter) noexcept;

/// Leaves it again. False: the task has ended meanwhile, and notify() has been called or is about to be, so the waiter
/// has to stay until it was.
bool withdraw(Task& task, JoinWaiter& waiter) noexcept;

/// The same for a fiber on the thread that will end the task, where nothing happens at once: no atomic
/// read-modify-write, which would be a third of what spawning and joining costs.
inline bool joins_locally(const Task& task) noexcept { return task.kind == Kind::fiber && task.schedule->is_owner(); }
bool enlist_locally(Task& task, FiberWaiter& waiter) noexcept;
void withdraw_locally(Task& task) noexcept;

/// The result or the exception is in the cell: tells the joiner, or finds that there is none any more. The runtime's
/// share in the cell ends with it. Thread that ended the task.
void publish_end(Task& task) noexcept;

/// The join handle goes away; an exception in the cell that was never received is reported. Any thread.
void detach(Task& task) noexcept;

}  // namespace runtime::inline v1::task
