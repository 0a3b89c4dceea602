#include <runtime/process/child.hpp>

#include <cerrno>
#include <csignal>
#include <utility>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/call.hpp"
#include "io/wait.hpp"
#include "process/child_impl.hpp"
#include "process/orphans.hpp"

namespace runtime::inline v1::process {
namespace {

[[noreturn]] void throw_lost() {
  base::throw_errno(ECHILD,
                    "waitid: the child's status is lost, since SIGCHLD is ignored or somebody else has waited for it");
}

}  // namespace

Child::Impl::~Impl() {
  if (process == nullptr) return;
  io::fd_closing(process->pidfd());  // whoever still waits for it touches nothing of this any more
  // Fails only for what has changed its user, and then there is nothing that could be done.
  if (kill_on_drop) static_cast<void>(process->kill(SIGKILL));
  if (!process->is_gone()) adopt_orphan(std::move(process));
}

Child::Impl& Child::Impl::of(const std::unique_ptr<Impl>& impl) {
  if (impl == nullptr) {
    throw Error(Errc::invalid_argument, "this Child was moved from: use the object that it was moved to");
  }
  return *impl;
}

Child::Child(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&&) noexcept = default;
Child::~Child() = default;

int Child::wait_raw() {
  Impl& impl = Impl::of(impl_);
  ChildProcess& process = *impl.process;
  impl.in.close();
  const bool on_fiber = io::begin("Child::wait()");
  for (;;) {
    const int error = on_fiber ? process.reap() : process.reap_blocking();
    if (error == 0) return process.wait_status();
    if (error != EAGAIN) throw_lost();
    io::await_fd(process.pidfd(), io::kReadable, "waitid");
  }
}

bool Child::try_wait_raw(int& wait_status) {
  ChildProcess& process = *Impl::of(impl_).process;
  const int error = process.reap();
  if (error == EAGAIN) return false;
  if (error != 0) throw_lost();
  wait_status = process.wait_status();
  return true;
}

void Child::kill() {
  start_kill();
  static_cast<void>(wait());
}

void Child::start_kill() {
  if (const int error = Impl::of(impl_).process->kill(SIGKILL)) base::throw_errno(error, "pidfd_send_signal");
}

pid_t Child::pid_or_zero() const noexcept {
  return impl_ == nullptr || impl_->process->is_gone() ? 0 : impl_->process->pid();
}

io::PipeWriter& Child::stdin_pipe() { return Impl::of(impl_).in; }
io::PipeReader& Child::stdout_pipe() { return Impl::of(impl_).out; }
io::PipeReader& Child::stderr_pipe() { return Impl::of(impl_).err; }

}  // namespace runtime::inline v1::process
