#include <runtime/local_runtime.hpp>

#include <exception>

#include <runtime/builder.hpp>
#include <runtime/error.hpp>

#include "base/signal_text.hpp"
#include "runtime/inner.hpp"

namespace runtime::inline v1 {
namespace {

// What a destructor does about misuse: it cannot throw, and going on would leave fibers on a stack that is gone.
[[noreturn]] void die(std::string_view sentence) noexcept {
  base::SignalText text;
  text << "runtime: " << sentence << " The program ends.\n";
  text.write();
  std::terminate();
}

void destroy(detail::Inner* inner) noexcept {
  if (inner == nullptr) return;
  if (!inner->scheduler().is_owner()) {
    die("a LocalRuntime was destroyed on a thread that does not own it; destroy it on the thread that built it.");
  }
  if (inner->scheduler().has_root()) {
    die("a LocalRuntime was destroyed inside its own block_on(); let block_on() return first.");
  }
  if (inner->is_open()) {
    try {
      inner->shut_down(base::kForever);
    } catch (const std::exception& exception) {
      die(exception.what());
    }
  }
  inner->drop_reference();
}

}  // namespace

namespace detail {

RootScope::RootScope(Inner* inner) : inner_(inner) {
  if (inner == nullptr) throw Error(Errc::shut_down, "block_on() on a LocalRuntime that has been moved from");
  inner->enter_root("block_on()");
}

RootScope::~RootScope() {
  if (inner_ != nullptr) inner_->leave_root();
}

void RootScope::check() {
  if (!inner_->scheduler().failures().has_cause()) return;
  Inner& inner = *std::exchange(inner_, nullptr);
  inner.leave_root();
  inner.stop();
}

}  // namespace detail

LocalRuntime::LocalRuntime() : LocalRuntime(Builder().build_local()) {}

LocalRuntime& LocalRuntime::operator=(LocalRuntime&& other) noexcept {
  if (this != &other) {
    destroy(inner_);
    inner_ = std::exchange(other.inner_, nullptr);
  }
  return *this;
}

LocalRuntime::~LocalRuntime() { destroy(inner_); }

Handle LocalRuntime::handle() const noexcept {
  if (inner_ == nullptr) die("handle() of a LocalRuntime that has been moved from.");
  return Handle(inner_);
}

detail::Inner* LocalRuntime::owned(const char* what) const {
  if (inner_ == nullptr) throw Error(Errc::shut_down, "a LocalRuntime that has been moved from was used");
  inner_->check_owner(what);
  return inner_;
}

void LocalRuntime::check_open() const {
  static_cast<void>(owned("LocalRuntime::spawn"));
  inner_->check_open("LocalRuntime::spawn");
}

ShutdownReport LocalRuntime::shut_down(detail::Nanos limit) {
  if (inner_ == nullptr) throw Error(Errc::shut_down, "shutdown of a LocalRuntime that has been moved from");
  return inner_->shut_down(limit);
}

int LocalRuntime::poll_fd() const {
  detail::Inner* inner = owned("LocalRuntime::poll_fd()");
  inner->check_open("LocalRuntime::poll_fd()");
  return inner->scheduler().embed();
}

detail::Nanos LocalRuntime::time_left() const {
  detail::Inner* inner = owned("LocalRuntime::next_deadline()");
  inner->check_open("LocalRuntime::next_deadline()");
  const base::Nanos left = inner->scheduler().time_left();
  return left == base::kForever ? -1 : left;
}

std::size_t LocalRuntime::run_ready() {
  detail::Inner* inner = owned("LocalRuntime::run_ready()");
  inner->enter_root("run_ready()");
  const std::size_t resumes = inner->scheduler().run_pass();
  inner->leave_root();
  return resumes;
}

EnterGuard LocalRuntime::enter() const { return EnterGuard(owned("LocalRuntime::enter()")); }

RuntimeMetrics LocalRuntime::metrics() const { return owned("LocalRuntime::metrics()")->metrics(); }

}  // namespace runtime::inline v1
