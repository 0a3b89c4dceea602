#pragma once

#include <atomic>
#include <cstdint>

#include <runtime/detail/wait_queue.hpp>

#include "base/clock.hpp"
#include "base/thread_parker.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"
#include "time/park_until.hpp"

namespace runtime::inline v1::sync {

/// What a dump says of a wait.
struct Reason {
  task::WaitFor what;
  const void* object;                                  // tells two of them apart
  const std::atomic<std::uint64_t>* holder = nullptr;  // see task::Waiting
};

/// One who waits in a primitive: a fiber of any runtime, or a plain thread. Lives in the waiter's frame.
///
/// Whoever has news takes it out of its list under the lock of the primitive, and calls notify() after unlocking. From
/// then on the waiter's frame may be gone, and the primitive with it. A waiter that gives up takes the lock: if it is
/// still listed it leaves, and nobody knows of it; if not, notify() is on its way, and it stays for that.
class Waiter {
 public:
  /// `self`: the running task, null on a thread without one (task::parkable()).
  explicit Waiter(task::Task* self) noexcept : task_(self) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// Waits for notify(). Otherwise the waiter may still be listed. The caller, who is in no list yet when it asks, has
  /// looked for a cancellation; one that comes later wakes.
  ///
  /// Inline, and the reason in pieces, so that it goes from registers to its place: read back from two smaller stores it
  /// would cost as much as a switch.
  [[gnu::always_inline]] time::WaitEnd park(const Reason& reason, base::Nanos deadline) noexcept {
    if (RUNTIME_UNLIKELY(task_ == nullptr || deadline != base::kForever)) return park_otherwise(Reason(reason), deadline);
    task::Waiting waiting(*task_, reason.what);
    waiting.detail.object = reason.object;
    waiting.holder = reason.holder;
    for (;;) {
      if (notified_.load(std::memory_order_acquire)) return time::WaitEnd::done;
      task_->schedule->suspend(*task_);
      if (task::is_cancel_due(*task_)) {
        task::deliver_cancellation(*task_);
        return time::WaitEnd::cancelled;
      }
    }
  }
  /// The same, deaf to cancellation, once notify() is sure to come.
  void park_certain(const Reason& reason) noexcept;
  /// Any thread, once, by whoever took the waiter out of its list.
  void notify() noexcept {
    task::Task* const task = task_;
    if (RUNTIME_UNLIKELY(task == nullptr || !task->schedule->is_owner())) return notify_elsewhere();
    notified_.store(true, std::memory_order_relaxed);
    task::wake_here(*task);
  }

  Waiter* previous;  // links, once listed; with is_listed guarded by the lock of the primitive
  Waiter* next;
  bool is_listed = false;

 private:
  time::WaitEnd park_otherwise(const Reason& reason, base::Nanos deadline) noexcept;
  void notify_elsewhere() noexcept;

  task::Task* const task_;
  std::atomic<bool> notified_{false};  // of a fiber
  base::ThreadParker parker_;          // of a thread
};

}  // namespace runtime::inline v1::sync
