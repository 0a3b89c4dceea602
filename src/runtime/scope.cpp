#include <runtime/scope.hpp>

#include <new>

#include <runtime/detail/lost.hpp>
#include <optional>

#include "runtime/current_fiber.hpp"
#include "task/cancel_scope.hpp"
#include "task/children.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1 {
namespace detail {

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
  static_assert(sizeof(task::Children) <= sizeof storage_ && alignof(task::Children) <= 8);
  ::new (static_cast<void*>(storage_)) task::Children(detail::fiber_of_caller("scope()"));
}

Scope::~Scope() { children().~Children(); }

task::Children& Scope::children() noexcept { return *std::launder(reinterpret_cast<task::Children*>(storage_)); }

detail::SpawnRequest Scope::request(const char* file, unsigned line) noexcept {
  detail::SpawnRequest request = detail::plain_request(detail::SpawnRequest::local, file, line);
  request.scope = &children();
  if (line == 0) {  // join_all_of(), whose pack of functions leaves no room to ask where the call stands
    request.file = children().owner().spawn_file;
    request.line = children().owner().spawn_line;
  }
  return request;
}

void Scope::cancel() noexcept { children().cancel(); }

void Scope::run(void (*call)(void*), void* body) {
  task::Children& children = this->children();
  task::Task& task = children.owner();
  bool cancelled_from_outside = false;
  {
    task::CancelScope scope(task);
    children.body = &scope;
    try {
      call(body);
    } catch (const Cancelled&) {
      cancelled_from_outside = !scope.is_target();
    } catch (...) {
      // A child's error came first; the body has no handle through which its own could be received.
      if (!children.fail(std::current_exception())) detail::report_lost("the body of a scope()", std::current_exception());
    }
    children.body = nullptr;
  }
  if (cancelled_from_outside) children.cancel();
  const auto is_over = [&children] { return children.is_over(); };
  if (!is_over()) {
    const task::Waiting waiting(task, task::WaitFor::children);
    if (task::park_until(task, is_over) == task::ParkEnd::cancelled) {
      cancelled_from_outside = true;
      children.cancel();
      task::park_until_certain(task, is_over);
    }
  }
  if (children.error) std::rethrow_exception(children.error);
  if (cancelled_from_outside) throw Cancelled();
}

}  // namespace runtime::inline v1
