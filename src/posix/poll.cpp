#include <poll.h>

#include <runtime/posix.h>

#include <cerrno>

#include "base/clock.hpp"
#include "io/wait.hpp"
#include "posix/patience.hpp"
#include "posix/poll_set.hpp"
#include "posix/time_limit.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::posix {

int poll_parking(pollfd* fds, nfds_t count, base::Nanos limit, const sigset_t* mask) noexcept {
  SignalMask signals(mask);
  const int ready = look_at(fds, count);
  if (ready != 0) return ready;
  signals.deliver();
  if (limit == 0) return 0;
  const base::Nanos deadline = time::deadline_after(limit);
  PollSet set(fds, count, signals, PollSet::For::poll);
  if (!set.fill()) {
    errno = ENOMEM;
    return -1;
  }
  for (;;) {
    const io::WaitEnd end = set.wait(deadline);
    if (end == io::WaitEnd::cancelled) {
      errno = ECANCELED;
      return -1;
    }
    const int ready_now = set.look_again();
    if (ready_now != 0 || end == io::WaitEnd::timed_out) return ready_now;
    signals.deliver();
  }
}

}  // namespace runtime::inline v1::posix

namespace base = runtime::base;
namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_poll(pollfd* fds, nfds_t count, int timeout) {
  if (!io::begin_call()) return ::poll(fds, count, timeout);
  const posix::KeepErrno errno_before;
  const base::Nanos limit = timeout < 0 ? base::kForever : timeout * base::Nanos{1'000'000};
  return errno_before.unless_failed(posix::poll_parking(fds, count, limit, nullptr));
}

int runtime_ppoll(pollfd* fds, nfds_t count, const timespec* limit, const sigset_t* mask) {
  if (!io::begin_call()) return ::ppoll(fds, count, limit, mask);
  const posix::KeepErrno errno_before;
  base::Nanos nanos;
  if (!posix::read_limit(limit, nanos)) return -1;
  return errno_before.unless_failed(posix::poll_parking(fds, count, nanos, mask));
}
