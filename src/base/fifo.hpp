#pragma once

#include <cstddef>

namespace runtime::inline v1::base {

/// A first-in-first-out queue of items that carry the link themselves: no memory of its own.
///
/// Borrows: the items while they are queued. Thread safety: one thread.
template <class T, T* T::*Link>
class Fifo final {
 public:
  bool is_empty() const noexcept { return head_ == nullptr; }
  T* front() const noexcept { return head_; }
  T* after(const T& item) const noexcept { return &item != tail_ ? item.*Link : nullptr; }

  void push_back(T& item) noexcept {
    item.*Link = nullptr;
    if (head_ == nullptr) {
      head_ = &item;
    } else {
      tail_->*Link = &item;
    }
    tail_ = &item;
  }

  T* pop_front() noexcept {
    T* item = head_;
    if (item != nullptr) head_ = item->*Link;
    return item;
  }

  /// Moves all of `other`, in its order, behind what is here.
  void append(Fifo& other) noexcept {
    if (other.head_ == nullptr) return;
    if (head_ == nullptr) {
      head_ = other.head_;
    } else {
      tail_->*Link = other.head_;
    }
    tail_ = other.tail_;
    other.head_ = nullptr;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;  // meaningful only while head_ is not null
};

}  // namespace runtime::inline v1::base
