#include "task/cancel_scope.hpp"

#include <exception>

#include "task/branch.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::task {

CancelScope::CancelScope(Task& task, Reach reach) noexcept
    : task_(task),
      fiber_(*task.fiber),
      outer_(innermost(task)),
      unwinding_(std::uncaught_exceptions()),
      reach_(reach) {
  fiber_.scopes = this;
}

CancelScope::~CancelScope() {
  fiber_.scopes = outer_;
  if (!is_cancelled()) return;
  // The bit may be set again by another thread that has just cancelled a scope further out; then it is right.
  task_.signals.fetch_and(~Task::kScopeCancelled, std::memory_order_acq_rel);
  for (const CancelScope* scope = outer_; scope != nullptr; scope = scope->outer_) {
    if (!scope->is_cancelled()) continue;
    task_.signals.fetch_or(Task::kScopeCancelled, std::memory_order_relaxed);
    return;
  }
}

void CancelScope::cancel() noexcept {
  cancelled_.store(true, std::memory_order_release);  // before the bit, which makes the task look
  task_.signals.fetch_or(Task::kScopeCancelled, std::memory_order_acq_rel);
  wake(task_);
}

bool CancelScope::is_target() const noexcept {
  if (!is_cancelled() || is_due_from(task_, outer_)) return false;
  // It has been obeyed. Whoever is asked again, by another scope, is asked for the first time.
  if (!task_.is_cancel_requested()) task_.cancels_delivered = 0;
  return true;
}

bool CancelScope::is_due(const Task& task) noexcept { return is_due_from(task, innermost(task)); }

// Deaf is who is shielded, and who is unwinding: an exception that is in flight now and was not when the scope was
// entered. Destructors may still wait.
bool CancelScope::is_due_from(const Task& task, const CancelScope* scope) noexcept {
  const int unwinding = std::uncaught_exceptions();
  for (; scope != nullptr; scope = scope->outer_) {
    if (scope->is_cancelled() && unwinding <= scope->unwinding_) return true;
    if (scope->reach_ == Reach::shielded) return false;
  }
  return task.is_cancel_requested() && !task.closing && unwinding == 0;
}

bool CancelScope::is_requested(const Task& task) noexcept {
  if (task.is_cancel_requested()) return true;
  if (task.kind == Kind::blocking) return false;
  for (const CancelScope* scope = innermost(task); scope != nullptr; scope = scope->outer_) {
    if (scope->is_cancelled()) return true;
  }
  return task.kind == Kind::branch && is_requested(owner_of(task));
}

}  // namespace runtime::inline v1::task
