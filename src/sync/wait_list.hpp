#pragma once

#include <runtime/detail/wait_queue.hpp>

#include "base/sanitizer.hpp"
#include "base/short_lock.hpp"
#include "sync/waiter.hpp"

// Lists of waiters, first come, first served. Everything here but wait() and notify_all() is for the holder of the lock
// that guards the list.

namespace runtime::inline v1::sync {

using detail::WaiterEnds;

inline void push_back(WaiterEnds& list, Waiter& waiter) noexcept {
  waiter.previous = list.last;
  waiter.next = nullptr;
  waiter.is_listed = true;
  (list.last != nullptr ? list.last->next : list.first) = &waiter;
  list.last = &waiter;
}

inline void remove(WaiterEnds& list, Waiter& waiter) noexcept {
  (waiter.previous != nullptr ? waiter.previous->next : list.first) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : list.last) = waiter.previous;
  waiter.is_listed = false;
}

/// Null when nobody waits.
inline Waiter* pop_front(WaiterEnds& list) noexcept {
  Waiter* waiter = list.first;
  if (waiter != nullptr) remove(list, *waiter);
  return waiter;
}

inline Waiter* pop_back(WaiterEnds& list) noexcept {
  Waiter* waiter = list.last;
  if (waiter != nullptr) remove(list, *waiter);
  return waiter;
}

/// Waiters that have been taken out, on their way to notify_all().
class Chain final {
 public:
  void add(Waiter& taken) noexcept {
    taken.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &taken;
    last_ = &taken;
  }
  /// All of a list, in its order.
  void take(WaiterEnds& list) noexcept {
    while (Waiter* waiter = pop_front(list)) add(*waiter);
  }
  /// Without the lock. Each waiter may be gone as soon as it is notified.
  void notify_all() noexcept {
    for (Waiter* waiter = first_; waiter != nullptr;) {
      Waiter* next = waiter->next;
      waiter->notify();
      waiter = next;
    }
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

enum class Woken : unsigned char {
  notified,
  timed_out,           // the waiter has left the list
  cancelled,           // the waiter has left the list
  cancelled_notified,  // what it was notified of has to be passed on
};

/// The end of a wait that no news has ended.
template <class Left>
[[gnu::noinline]] Woken give_up(std::atomic<std::uint32_t>& lock, WaiterEnds& list, Waiter& waiter, const Reason& reason,
              time::WaitEnd end, Left left) noexcept {
  {
    const base::ShortLock guard(lock);
    if (waiter.is_listed) {
      remove(list, waiter);
      left();
      return end == time::WaitEnd::cancelled ? Woken::cancelled : Woken::timed_out;
    }
  }
  waiter.park_certain(reason);
  base::happens_after(&lock);
  return end == time::WaitEnd::cancelled ? Woken::cancelled_notified : Woken::notified;
}

/// Waits as a member of the list, which it joined under the lock; that is free again. `left` is called under the lock
/// when the waiter leaves unnotified. After any cancelled end the caller throws Cancelled.
template <class Left>
[[gnu::always_inline]] inline Woken wait(std::atomic<std::uint32_t>& lock, WaiterEnds& list, Waiter& waiter,
                                         const Reason& reason, base::Nanos deadline, Left left) noexcept {
  const time::WaitEnd end = waiter.park(reason, deadline);
  if (RUNTIME_UNLIKELY(end != time::WaitEnd::done)) return give_up(lock, list, waiter, Reason(reason), end, left);
  base::happens_after(&lock);  // whoever notified had it before
  return Woken::notified;
}

[[gnu::always_inline]] inline Woken wait(std::atomic<std::uint32_t>& lock, WaiterEnds& list, Waiter& waiter,
                                         const Reason& reason, base::Nanos deadline) noexcept {
  return wait(lock, list, waiter, reason, deadline, [] {});
}

}  // namespace runtime::inline v1::sync
