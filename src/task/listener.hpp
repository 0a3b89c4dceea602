#pragma once

#include "task/join.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

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

/// Waits until a group tells its listeners. `Group` has add(), which is false when there is nothing to wait for (any more),
/// and remove(). False if so. Throws: Cancelled.
template <class Group>
bool wait_as_listener(Group& group, WaitFor what) {
  Task* task = parkable();
  if (task == nullptr) {
    ThreadListener listener;
    if (!group.add(listener)) return false;
    listener.park();
    group.remove(listener);
    return true;
  }
  FiberListener listener(*task);
  if (!group.add(listener)) return false;
  const Waiting waiting(*task, what);
  const ParkEnd end = park_until(*task, [&listener] { return listener.is_notified(); });
  group.remove(listener);
  if (end == ParkEnd::cancelled) throw Cancelled();
  return true;
}

/// The same for a whole call: a suspension point, and a unit of the budget when there was nothing to wait for.
template <class Group>
void await_as_listener(Group& group, WaitFor what) {
  Task* task = parkable();
  if (task != nullptr) throw_if_cancelled(*task);
  if (!wait_as_listener(group, what) && task != nullptr) task->schedule->spend_budget(*task);
}

}  // namespace runtime::inline v1::task
