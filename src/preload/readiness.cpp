#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <cerrno>
#include <climits>
#include <cstddef>

#include <runtime/posix.h>

#include "preload/visit.hpp"

// Waiting for several descriptors, and sleeping by waiting for none.

RUNTIME_PRELOAD(int, poll, (pollfd* fds, nfds_t count, int timeout), (fds, count, timeout),
                runtime_poll(fds, count, timeout))
RUNTIME_PRELOAD_ALIAS(int, __poll, poll, (pollfd*, nfds_t, int))

RUNTIME_PRELOAD(int, ppoll, (pollfd* fds, nfds_t count, const timespec* limit, const sigset_t* mask),
                (fds, count, limit, mask), runtime_ppoll(fds, count, limit, mask))

RUNTIME_PRELOAD(int, select, (int count, fd_set* readable, fd_set* writable, fd_set* exceptional, timeval* limit),
                (count, readable, writable, exceptional, limit),
                runtime_select(count, readable, writable, exceptional, limit))
RUNTIME_PRELOAD_ALIAS(int, __select, select, (int, fd_set*, fd_set*, fd_set*, timeval*))

RUNTIME_PRELOAD(int, pselect,
                (int count, fd_set* readable, fd_set* writable, fd_set* exceptional, const timespec* limit,
                 const sigset_t* mask),
                (count, readable, writable, exceptional, limit, mask),
                runtime_pselect(count, readable, writable, exceptional, limit, mask))

RUNTIME_PRELOAD(int, epoll_wait, (int fd, epoll_event* events, int count, int timeout), (fd, events, count, timeout),
                runtime_epoll_wait(fd, events, count, timeout))

RUNTIME_PRELOAD(int, epoll_pwait, (int fd, epoll_event* events, int count, int timeout, const sigset_t* mask),
                (fd, events, count, timeout, mask), runtime_epoll_pwait(fd, events, count, timeout, mask))

namespace runtime::preload {
namespace {

// Milliseconds, rounded up: never early. What is longer than an int of them is for ever.
int wait_events(int fd, epoll_event* events, int count, const timespec* limit, const sigset_t* mask) {
  int timeout = -1;
  if (limit != nullptr) {
    if (limit->tv_sec < 0 || limit->tv_nsec < 0 || limit->tv_nsec >= 1'000'000'000) {
      errno = EINVAL;
      return -1;
    }
    if (limit->tv_sec < INT_MAX / 1000 - 1) {
      timeout = static_cast<int>(limit->tv_sec * 1000 + (limit->tv_nsec + 999'999) / 1'000'000);
    }
  }
  return runtime_epoll_pwait(fd, events, count, timeout, mask);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, epoll_pwait2, (int fd, epoll_event* events, int count, const timespec* limit, const sigset_t* mask),
                (fd, events, count, limit, mask), wait_events(fd, events, count, limit, mask))

RUNTIME_PRELOAD(int, __poll_chk, (pollfd* fds, nfds_t count, int timeout, size_t room), (fds, count, timeout, room),
                room / sizeof *fds < count ? next___poll_chk(fds, count, timeout, room)
                                           : runtime_poll(fds, count, timeout))

RUNTIME_PRELOAD(int, __ppoll_chk, (pollfd* fds, nfds_t count, const timespec* limit, const sigset_t* mask, size_t room),
                (fds, count, limit, mask, room),
                room / sizeof *fds < count ? next___ppoll_chk(fds, count, limit, mask, room)
                                           : runtime_ppoll(fds, count, limit, mask))
