#pragma once

#include <atomic>

#include "base/compiler.hpp"

namespace runtime::inline v1::base {

/// Items pushed by any thread and taken, all at once and oldest first, by one. Closable: a push after close() fails.
///
/// `Link` is the member of T that holds the next pointer; an item is in at most one such stack at a time.
/// Borrows: the items, from push() until they are taken.
/// Thread safety: push() any thread; the rest one thread. Lock-free.
template <class T, T* T::*Link>
class MpscStack final {
 public:
  bool push(T& item) noexcept {
    T* head = head_.load(std::memory_order_relaxed);
    do {
      if (RUNTIME_UNLIKELY(head == closed())) return false;
      item.*Link = head;
      // seq_cst: the pusher's read of the `parked` flag must not move before this, see scheduler/inject_queue.hpp.
    } while (!head_.compare_exchange_weak(head, &item, std::memory_order_seq_cst, std::memory_order_relaxed));
    return true;
  }

  bool is_empty() const noexcept { return is_bare(head_.load(std::memory_order_seq_cst)); }

  /// The items so far, oldest first, linked through Link; null if there is none.
  T* take_all() noexcept {
    if (is_bare(head_.load(std::memory_order_relaxed))) return nullptr;
    return reversed(head_.exchange(nullptr, std::memory_order_acquire));
  }

  /// As take_all(), and from now on push() fails.
  T* close() noexcept {
    T* head = head_.exchange(closed(), std::memory_order_acq_rel);
    return head == closed() ? nullptr : reversed(head);
  }

 private:
  // The address of the stack's own head is no item's.
  T* closed() const noexcept { return reinterpret_cast<T*>(const_cast<std::atomic<T*>*>(&head_)); }
  bool is_bare(const T* head) const noexcept { return head == nullptr || head == closed(); }

  static T* reversed(T* head) noexcept {
    T* result = nullptr;
    while (head != nullptr) {
      T* next = head->*Link;
      head->*Link = result;
      result = head;
      head = next;
    }
    return result;
  }

  std::atomic<T*> head_{nullptr};
};

}  // namespace runtime::inline v1::base
