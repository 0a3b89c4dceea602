#pragma once

#include <runtime/sync/mutex.hpp>

#include "sync/holder.hpp"
#include "sync/waiter.hpp"

namespace runtime::inline v1::sync {

/// What the rest of this floor asks of a mutex.
struct MutexAccess {
  /// lock() for what a dump calls `what`. False: the limit came first. Throws: Error would_deadlock, Cancelled.
  static bool lock(Mutex& mutex, task::WaitFor what, base::Nanos limit);
  static bool is_held_by(const Mutex& mutex, const Holder& holder) noexcept;
  static bool try_lock(Mutex& mutex, const Holder& caller) noexcept;
  /// By the holder.
  static void unlock(Mutex& mutex, const Holder& caller) noexcept;
  static bool wait(Mutex& mutex, task::Task* self, const Holder& holder, task::WaitFor what, base::Nanos limit);
  static void hand_over(Mutex& mutex, std::uint64_t mark) noexcept;
};

}  // namespace runtime::inline v1::sync
