#include <runtime/handle.hpp>

#include <new>

#include <runtime/error.hpp>

#include "context/context.hpp"
#include "runtime/inner.hpp"

namespace runtime::inline v1 {

Handle::Handle(detail::Inner* inner) noexcept : inner_(inner) { inner_->add_reference(); }

Handle::Handle(const Handle& other) noexcept : Handle(other.inner_) {}

Handle& Handle::operator=(const Handle& other) noexcept {
  other.inner_->add_reference();
  inner_->drop_reference();
  inner_ = other.inner_;
  return *this;
}

Handle::~Handle() { inner_->drop_reference(); }

Handle Handle::current() { return Handle(&detail::Inner::current()); }

detail::Inner* Handle::current_inner() noexcept {
  const context::Context* context = context::current();
  return context != nullptr ? &detail::Inner::of(*context) : nullptr;
}

RuntimeMetrics Handle::metrics() const { return inner_->metrics(); }

RuntimeId Handle::id() const noexcept { return RuntimeId(inner_->id()); }

std::string_view Handle::name() const noexcept { return inner_->name(); }

bool Handle::is_shut_down() const noexcept { return !inner_->is_open(); }

bool Handle::is_owner() const noexcept { return inner_->scheduler().is_owner(); }

static_assert(sizeof(context::Entry) <= 2 * sizeof(void*) && alignof(context::Entry) <= alignof(void*));

EnterGuard::EnterGuard(detail::Inner* inner) : inner_(inner) {
  if (inner == nullptr) throw Error(Errc::shut_down, "enter() on a LocalRuntime that has been moved from");
  inner_->add_reference();
  ::new (static_cast<void*>(entry_)) context::Entry(inner_->context());
}

EnterGuard::~EnterGuard() {
  std::launder(reinterpret_cast<context::Entry*>(entry_))->~Entry();
  inner_->drop_reference();
}

}  // namespace runtime::inline v1
