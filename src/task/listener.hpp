#pragma once

#include "task/join.hpp"

namespace runtime::inline v1::task {

/// One who is told of something that several wait for. Lives in the frame of whoever waits.
class Listener {
 public:
  /// Called with the list's lock held: it must not call back, and the listener cannot leave before it returns.
  virtual void notify() noexcept = 0;

 protected:
  ~Listener() = default;

 private:
  friend class ListenerList;
  Listener* previous_ = nullptr;
  Listener* next_ = nullptr;
};

/// Thread safety: guarded by a lock of its owner's.
class ListenerList final {
 public:
  void add(Listener& listener) noexcept {
    listener.previous_ = nullptr;
    listener.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &listener;
    first_ = &listener;
  }
  void remove(Listener& listener) noexcept {
    (listener.previous_ != nullptr ? listener.previous_->next_ : first_) = listener.next_;
    if (listener.next_ != nullptr) listener.next_->previous_ = listener.previous_;
  }
  void notify_all() const noexcept {
    for (Listener* listener = first_; listener != nullptr; listener = listener->next_) listener->notify();
  }

 private:
  Listener* first_ = nullptr;
};

/// A fiber that waits: it parks until is_notified().
class FiberListener final : public Listener {
 public:
  explicit FiberListener(Task& task) noexcept : waiter_(task) {}
  void notify() noexcept override { waiter_.notify(); }
  bool is_notified() const noexcept { return waiter_.is_notified(); }

 private:
  FiberWaiter waiter_;
};

/// A thread that waits.
class ThreadListener final : public Listener {
 public:
  void notify() noexcept override { waiter_.notify(); }
  void park() noexcept { waiter_.park_until(base::kForever); }

 private:
  ThreadWaiter waiter_;
};

}  // namespace runtime::inline v1::task
