#include <sys/epoll.h>

#include <runtime/posix.h>

#include <cerrno>

#include "base/clock.hpp"
#include "io/wait.hpp"
#include "posix/patience.hpp"
#include "posix/signal_mask.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::posix {
namespace {

int look(int fd, epoll_event* events, int count) noexcept {
  int ready;
  do {
    ready = ::epoll_wait(fd, events, count, 0);
  } while (ready < 0 && errno == EINTR);
  return ready;
}

int epoll_parking(int fd, epoll_event* events, int count, int timeout, const sigset_t* mask) noexcept {
  SignalMask signals(mask);
  const int ready = look(fd, events, count);
  if (ready != 0) return ready;
  signals.deliver();
  if (timeout == 0) return 0;
  const base::Nanos deadline = timeout < 0 ? base::kForever : time::deadline_after(timeout * base::Nanos{1'000'000});
  constexpr base::Nanos kLookAgain = 10'000'000;
  const base::Nanos look_again = signals.watch() ? base::kForever : kLookAgain;
  for (;;) {
    io::FdWait waits[] = {{fd, io::kReadable}, {signals.fd(), io::kReadable}};
    const io::WaitEnd end = io::wait_fds(waits, signals.fd() >= 0 ? 2 : 1, deadline, look_again);
    if (end == io::WaitEnd::cancelled || waits[0].closed) {
      errno = waits[0].closed ? EBADF : ECANCELED;
      return -1;
    }
    const int ready_now = look(fd, events, count);
    if (ready_now != 0 || end == io::WaitEnd::timed_out) return ready_now;
    signals.deliver();
  }
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_epoll_wait(int fd, epoll_event* events, int count, int timeout) {
  return runtime_epoll_pwait(fd, events, count, timeout, nullptr);
}

int runtime_epoll_pwait(int fd, epoll_event* events, int count, int timeout, const sigset_t* mask) {
  if (!io::begin_call()) return ::epoll_pwait(fd, events, count, timeout, mask);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::epoll_parking(fd, events, count, timeout, mask));
}
