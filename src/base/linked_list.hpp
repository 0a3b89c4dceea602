#pragma once

namespace runtime::inline v1::base {

/// A doubly linked list of items that carry the links themselves; any item leaves in constant time.
///
/// Borrows: the items while they are listed. Thread safety: one thread.
template <class T, T* T::*Prev, T* T::*Next>
class LinkedList final {
 public:
  bool is_empty() const noexcept { return head_ == nullptr; }
  T* front() const noexcept { return head_; }
  static T* next(const T& item) noexcept { return item.*Next; }

  void push_back(T& item) noexcept {
    item.*Prev = tail_;
    item.*Next = nullptr;
    (tail_ != nullptr ? tail_->*Next : head_) = &item;
    tail_ = &item;
  }

  void remove(T& item) noexcept {
    (item.*Prev != nullptr ? (item.*Prev)->*Next : head_) = item.*Next;
    (item.*Next != nullptr ? (item.*Next)->*Prev : tail_) = item.*Prev;
    item.*Prev = nullptr;
    item.*Next = nullptr;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace runtime::inline v1::base
