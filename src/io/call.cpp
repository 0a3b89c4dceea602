#include "io/call.hpp"

#include <poll.h>

#include <string>

#include <runtime/error.hpp>

#include "base/sanitizer.hpp"
#include "context/context.hpp"
#include "io/poll_events.hpp"
#include "io/wait.hpp"
#include "task/park.hpp"

namespace runtime::inline v1 {

void detail::throw_unexpected_end(std::size_t got, std::size_t wanted) {
  throw Error(Errc::unexpected_end, "the stream ended after " + std::to_string(got) + " of " + std::to_string(wanted) +
                                        " bytes: its peer has closed it");
}

namespace io {

namespace {

/// As begin(), if that would neither park nor throw; else false, and nothing has happened.
bool begin_at_once() noexcept {
  task::Task* const task = task::parkable();
  if (task == nullptr) return true;
  if (RUNTIME_UNLIKELY(!context::of(*task).has_io || task::is_cancel_due(*task))) return false;
  return task->schedule->try_spend_budget();
}

}  // namespace

bool begin(const char* call) {
  task::Task* const task = task::parkable();
  if (task == nullptr) return false;
  if (RUNTIME_UNLIKELY(!context::of(*task).has_io)) require_io(call);
  task->schedule->spend_budget(*task);
  task::throw_if_cancelled(*task);
  return true;
}

void await_fd(int fd, std::uint8_t interest, const char* call) {
  if (!on_fiber()) {
    pollfd look{fd, poll_events(interest), 0};
    while (::poll(&look, 1, -1) < 0) {
      if (errno != EINTR) base::throw_errno(errno, "poll");
    }
    if ((look.revents & POLLNVAL) != 0) base::throw_errno(EBADF, call);
    return;
  }
  const WaitEnd end = wait_fd(fd, interest, base::kForever);
  if (end == WaitEnd::cancelled) throw Cancelled();
  if (end == WaitEnd::closed) base::throw_errno(EBADF, call);
}

Turn::Turn(SharedFd& shared, Direction direction, const char* call)
    : shared_(shared), turns_(shared.turns(direction)), direction_(direction), call_(call) {
  const bool has_begun = begin_at_once();
  if (RUNTIME_LIKELY(has_begun && turns_.enter_at_once())) return;
  wait_for_turn(has_begun);
}

void Turn::wait_for_turn(bool has_begun) {
  shared_.hold();  // before anything that may park: the object we were called on may go meanwhile
  try {
    if (!has_begun) begin(call_);
    check(turns_.enter(fd(), static_cast<std::uint8_t>(direction_)));
  } catch (...) {
    shared_.release();
    throw;
  }
}

Turn::~Turn() {
  base::happens_before(&shared_);  // whoever closes the descriptor
  if (RUNTIME_UNLIKELY(turns_.leave())) shared_.release();
}

void Turn::wait_ready(bool in_vain) {
  if (in_vain && has_errors_alone(fd(), static_cast<std::uint8_t>(direction_))) return pause();
  check(turns_.wait_ready(fd(), static_cast<std::uint8_t>(direction_), shared_.id()));
}

void Turn::wait_if_emptied() {
  if (shared_.kind() == FdKind::tcp_stream && is_read_to_the_end(fd(), shared_.id())) wait_ready();
}

void Turn::go_on() {
  if (begin_call()) task::throw_if_cancelled(*task::parkable());
}

void Turn::pause(base::Nanos length) {
  if (!on_fiber()) {
    static_cast<void>(::poll(nullptr, 0, static_cast<int>(length / 1'000'000) + 1));  // shorter with a signal: no harm
  } else if (io::pause(length, base::kForever) == WaitEnd::cancelled) {
    throw Cancelled();
  }
  if (turns_.is_closed()) check(TurnEnd::closed);
}

void Turn::check(TurnEnd end) const {
  if (end == TurnEnd::cancelled) throw Cancelled();
  if (end == TurnEnd::closed) base::throw_errno(EBADF, call_);
}

}  // namespace io
}  // namespace runtime::inline v1
