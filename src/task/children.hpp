#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#include "task/cancel_scope.hpp"
#include "task/park.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

class Children;

/// A task's membership in a scope(). Lives in the tail of the task's cell.
struct Child {
  Children* of;
  Task* task;
  Child* previous;
  Child* next;
};

/// The tasks that a scope() waits for, and what it and they know of each other. Lives in the frame of the scope.
///
/// Thread safety: owner thread. Borrows: the task that waits.
class Children final {
 public:
  explicit Children(Task& owner) noexcept : owner_(owner) {}
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  Task& owner() const noexcept { return owner_; }

  /// Before it is launched. Born cancelled if the scope is.
  void add(Child& child) noexcept {
    child.previous = nullptr;
    child.next = first_;
    if (first_ != nullptr) first_->previous = &child;
    first_ = &child;
    ++alive_;
    if (is_cancelled_) child.task->abort();
  }

  /// The task cannot be cancelled any more: its cell may go. It is waited for until ended().
  void leave(Child& child) noexcept {
    (child.previous != nullptr ? child.previous->next : first_) = child.next;
    if (child.next != nullptr) child.next->previous = child.previous;
  }

  /// No code of the task's will run again, not even the destructor of a result that nobody took. The scope's frame may go
  /// as soon as its owner has its turn.
  void ended() noexcept {
    if (--alive_ == 0) wake(owner_);
  }

  bool is_over() const noexcept { return alive_ == 0; }

  void cancel() noexcept {
    is_cancelled_ = true;
    if (body != nullptr) body->cancel();
    for (Child* child = first_; child != nullptr; child = child->next) child->task->abort();
  }

  /// True for the scope's first error, which is its own: the others are cancelled.
  bool fail(std::exception_ptr exception) noexcept {
    if (error) return false;
    error = std::move(exception);
    cancel();
    return true;
  }

  CancelScope* body = nullptr;  // while the scope's own function runs
  std::exception_ptr error;     // the first in time

 private:
  Task& owner_;
  Child* first_ = nullptr;
  std::size_t alive_ = 0;
  bool is_cancelled_ = false;
};

}  // namespace runtime::inline v1::task
