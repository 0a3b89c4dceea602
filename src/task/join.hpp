#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"
#include "base/sanitizer.hpp"
#include "base/thread_parker.hpp"
#include "task/park.hpp"
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

/// Values of Task::joiner that are no waiter.
inline JoinWaiter* const kDetached = reinterpret_cast<JoinWaiter*>(1);
inline JoinWaiter* const kEnded = reinterpret_cast<JoinWaiter*>(2);

/// A waiter that enlisted locally is marked by the lowest bit but two.
constexpr std::uintptr_t kLocal = 4;
static_assert(alignof(JoinWaiter) > kLocal);

inline bool is_local(const JoinWaiter* waiter) noexcept {
  return (reinterpret_cast<std::uintptr_t>(waiter) & kLocal) != 0;
}
inline JoinWaiter* mark_local(JoinWaiter* waiter) noexcept {
  return reinterpret_cast<JoinWaiter*>(reinterpret_cast<std::uintptr_t>(waiter) | kLocal);
}
inline JoinWaiter* unmark(JoinWaiter* waiter) noexcept {
  return reinterpret_cast<JoinWaiter*>(reinterpret_cast<std::uintptr_t>(waiter) & ~kLocal);
}

inline bool Task::is_finished() const noexcept {
  return joiner.load(std::memory_order_acquire) == kEnded;  // pairs with publish_end()
}

/// A fiber that waits: it parks until is_notified().
class FiberWaiter final : public JoinWaiter {
 public:
  explicit FiberWaiter(Task& waiter) noexcept : waiter_(waiter) {}

  void notify() noexcept override;
  /// The same on the waiter's own thread.
  void notify_here() noexcept {
    notified_.store(true, std::memory_order_relaxed);
    wake_here(waiter_);
  }
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
inline Enlisted enlist_locally(Task& task, FiberWaiter& waiter) noexcept {
  JoinWaiter* found = task.joiner.load(std::memory_order_relaxed);
  if (RUNTIME_UNLIKELY(found != nullptr)) return found == kEnded ? Enlisted::task_has_ended : Enlisted::place_is_taken;
  task.joiner.store(mark_local(&waiter), std::memory_order_relaxed);
  return Enlisted::yes;
}
inline void withdraw_locally(Task& task) noexcept {
  if (task.joiner.load(std::memory_order_relaxed) != kEnded) task.joiner.store(nullptr, std::memory_order_relaxed);
}

inline bool is_detached(const Task& task) noexcept { return task.joiner.load(std::memory_order_acquire) == kDetached; }

/// The result or the exception is in the cell: tells the joiner. The runtime's share in the cell ends with it, unless it
/// answers true: the handle has gone, and the caller has the outcome to drop and the last share to give up. Thread that
/// ended the task.
[[nodiscard]] inline bool publish_end(Task& task) noexcept;
/// In two steps: the first answers false, having done nothing, where the second is needed.
[[nodiscard]] inline bool publish_end_to_local(Task& task) noexcept;
[[nodiscard]] bool publish_end_to_any(Task& task) noexcept;

/// The join handle goes away, and the outcome with it if there is one. Any thread. Reports and terminates when somebody
/// is joining through that handle.
void detach(Task& task) noexcept;

inline bool publish_end_to_local(Task& task) noexcept {
  JoinWaiter* waiter = task.joiner.load(std::memory_order_relaxed);
  if (!is_local(waiter)) return false;
  // Its handle is in use by a fiber of this thread, which is parked: nobody else can touch `joiner` now, and
  // ThreadSanitizer need not be told of a hand-over.
  task.joiner.store(kEnded, std::memory_order_release);
  static_cast<FiberWaiter*>(unmark(waiter))->notify_here();
  return true;
}

inline bool publish_end(Task& task) noexcept { return !publish_end_to_local(task) && publish_end_to_any(task); }

}  // namespace runtime::inline v1::task
