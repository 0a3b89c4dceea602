#include <runtime/scope.hpp>

#include <new>
#include <optional>

#include "runtime/current_fiber.hpp"
#include "task/cancel_scope.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1 {
namespace detail {

/// What a scope knows of its children, and they of it. Owner thread.
class ScopeCore final {
 public:
  explicit ScopeCore(task::Task& task) noexcept : task(task) {}

  void add(ScopeTicket& child) noexcept {
    child.previous_ = nullptr;
    child.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &child;
    first_ = &child;
    if (is_cancelled_) child.child_->abort();
  }

  void remove(ScopeTicket& child) noexcept {
    (child.previous_ != nullptr ? child.previous_->next_ : first_) = child.next_;
    if (child.next_ != nullptr) child.next_->previous_ = child.previous_;
    if (first_ == nullptr) task::wake(task);
  }

  bool is_empty() const noexcept { return first_ == nullptr; }

  void cancel() noexcept {
    is_cancelled_ = true;
    if (body != nullptr) body->cancel();
    for (ScopeTicket* child = first_; child != nullptr; child = child->next_) child->child_->abort();
  }

  /// True if it is the first.
  bool fail(std::exception_ptr exception) noexcept {
    if (error) return false;
    error = std::move(exception);
    cancel();
    return true;
  }

  task::Task& task;
  task::CancelScope* body = nullptr;  // while the body runs
  std::exception_ptr error;           // the first in time

 private:
  ScopeTicket* first_ = nullptr;
  bool is_cancelled_ = false;
};

ScopeTicket::ScopeTicket(Scope& scope, task::Task* child) noexcept : core_(&scope.core()), child_(child) { core_->add(*this); }

ScopeTicket::~ScopeTicket() { core_->remove(*this); }

void ScopeTicket::fail() noexcept {
  if (core_->fail(std::current_exception())) child_->failure.store(task::Failure::heard, std::memory_order_relaxed);
}

void throw_scope_cancelled() {
  throw Error(Errc::cancelled, "the scope was cancelled before what should give its value was done");
}

ShieldGuard::ShieldGuard() noexcept {
  static_assert(sizeof(task::CancelScope) <= sizeof storage_ && alignof(task::CancelScope) <= 8);
  task::Task* task = task::parkable();
  is_set_ = task != nullptr;
  if (is_set_) ::new (static_cast<void*>(storage_)) task::CancelScope(*task, task::CancelScope::Reach::shielded);
}

ShieldGuard::~ShieldGuard() {
  if (is_set_) std::launder(reinterpret_cast<task::CancelScope*>(storage_))->~CancelScope();
}

}  // namespace detail

Scope::Scope() {
  static_assert(sizeof(detail::ScopeCore) <= sizeof storage_ && alignof(detail::ScopeCore) <= 8);
  ::new (static_cast<void*>(storage_)) detail::ScopeCore(detail::fiber_of_caller("scope()"));
}

Scope::~Scope() { core().~ScopeCore(); }

detail::ScopeCore& Scope::core() noexcept { return *std::launder(reinterpret_cast<detail::ScopeCore*>(storage_)); }

void Scope::cancel() noexcept { core().cancel(); }

void Scope::run(void (*call)(void*), void* body) {
  detail::ScopeCore& core = this->core();
  task::Task& task = core.task;
  bool cancelled_from_outside = false;
  {
    task::CancelScope scope(task);
    core.body = &scope;
    try {
      call(body);
    } catch (const Cancelled&) {
      cancelled_from_outside = !scope.is_target();
    } catch (...) {
      core.fail(std::current_exception());
    }
    core.body = nullptr;
  }
  if (cancelled_from_outside) core.cancel();
  const auto is_over = [&core] { return core.is_empty(); };
  if (!is_over()) {
    task::Waiting waiting(task, task::WaitFor::children);
    if (task::park_until(task, is_over) == task::ParkEnd::cancelled) {
      cancelled_from_outside = true;
      core.cancel();
      task::park_until_certain(task, is_over);
    }
  }
  if (core.error) std::rethrow_exception(core.error);
  if (cancelled_from_outside) throw Cancelled();
}

}  // namespace runtime::inline v1
