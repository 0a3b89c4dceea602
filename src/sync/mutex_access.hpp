#pragma once

#include <runtime/sync/mutex.hpp>

#include "base/compiler.hpp"
#include "base/only_thread.hpp"
#include "base/sanitizer.hpp"
#include "sync/holder.hpp"
#include "sync/waiter.hpp"

namespace runtime::inline v1::sync {

/// What the rest of this floor asks of a mutex.
struct MutexAccess {
  static constexpr std::uint64_t kFree = 0;

  /// lock() for what a dump calls `what`. False: the limit came first. Throws: Error would_deadlock, Cancelled.
  static bool lock(Mutex& mutex, task::WaitFor what, base::Nanos limit);
  static bool is_held_by(const Mutex& mutex, const Holder& holder) noexcept;
  [[gnu::always_inline]] static bool try_lock(Mutex& mutex, const Holder& caller) noexcept;
  /// By the holder.
  [[gnu::always_inline]] static void unlock(Mutex& mutex, const Holder& caller) noexcept;
  static bool wait(Mutex& mutex, task::Task* self, const Holder& holder, task::WaitFor what, base::Nanos limit);
  static void hand_over(Mutex& mutex, std::uint64_t mark) noexcept;
};

inline bool MutexAccess::try_lock(Mutex& mutex, const Holder& caller) noexcept {
  if (!base::replace(mutex.word_, kFree, caller.mark, std::memory_order_acquire)) return false;
  mutex.holder_id_.store(caller.task_id, std::memory_order_relaxed);
  base::happens_after(&mutex);
  return true;
}

inline void MutexAccess::unlock(Mutex& mutex, const Holder& caller) noexcept {
  mutex.holder_id_.store(0, std::memory_order_relaxed);
  base::happens_before(&mutex);
  if (RUNTIME_LIKELY(base::replace(mutex.word_, caller.mark, kFree, std::memory_order_release))) return;
  hand_over(mutex, caller.mark);
}

}  // namespace runtime::inline v1::sync
