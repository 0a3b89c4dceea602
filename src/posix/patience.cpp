#include "posix/patience.hpp"

#include <poll.h>

#include "base/system_error.hpp"
#include "io/poll_events.hpp"
#include "io/wait.hpp"
#include "posix/flag_loan.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::posix {
bool Patience::is_shut_for_receiving() const noexcept {
  if (!has_waited_ || time_limit_ == kNoLimit) return false;
  const base::ErrnoKeeper keeper;
  return io::is_shut_for_receiving(fd_);
}

// What a socket's error queue holds is reported as readiness until somebody reads it, which this call does not do; and a
// datagram socket has room, whether the receiver that it is not connected to has or not.
bool Patience::is_ready_in_vain() const noexcept {
  const base::ErrnoKeeper keeper;
  if (io::has_errors_alone(fd_, interest_)) return true;
  if (interest_ != io::kWritable || is_stream_socket(fd_)) return false;
  pollfd look{fd_, POLLOUT, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLOUT) != 0;
}

bool Patience::wait() noexcept {
  if (is_refused()) return give_up(EAGAIN);
  if (has_waited_ && time_limit_ != kNoLimit && is_ready_in_vain()) return pause();
  has_waited_ = true;
  switch (io::wait_fd(fd_, interest_, deadline_)) {
    case io::WaitEnd::ready:
      return true;
    case io::WaitEnd::timed_out:
      timed_out_ = true;
      return give_up(EAGAIN);
    case io::WaitEnd::cancelled:
      return give_up(ECANCELED);
    case io::WaitEnd::closed:
      break;
  }
  return give_up(EBADF);
}

bool Patience::pause() noexcept {
  if (is_refused()) return give_up(EAGAIN);
  if (pauses_.is_first()) file_ = file_id_of(fd_);
  if (time::now() >= deadline_) {
    timed_out_ = true;
    return give_up(EAGAIN);
  }
  const io::WaitEnd end = io::wait_fd(fd_, 0, deadline_, pauses_.next_length());
  if (end == io::WaitEnd::cancelled) return give_up(ECANCELED);
  if (end == io::WaitEnd::closed) return give_up(EBADF);
  // Of a plain close nobody tells us; the number may be another file's by now.
  return file_id_of(fd_) == file_ || give_up(EBADF);
}

bool Patience::is_refused() noexcept {
  if (!asked_) {
    refused_ = is_nonblocking(fd_);
    ask();
  }
  return refused_;
}

void Patience::assume_blocking() noexcept {
  if (!asked_) ask();
}

void Patience::ask() noexcept {
  asked_ = true;
  if (time_limit_ != kNoLimit && !refused_) deadline_ = socket_deadline(fd_, time_limit_);
}

bool Patience::give_up(int error) noexcept {
  errno = error;
  return false;
}

}  // namespace runtime::inline v1::posix
