#include <runtime/signal/signal.hpp>

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "base/unique_fd.hpp"
#include "io/call.hpp"
#include "io/wait.hpp"
#include "signal/arrivals.hpp"

// Each listener has an epoll set of its own with the one descriptor of its signal in it, edge-triggered: the set is
// readable from a signal until this listener has looked, whatever the others do, and can be waited for by any driver
// and by poll(2). The handler knows nothing of listeners, so they may come and go while it runs.

namespace runtime::inline v1::signal {

Signal::Signal(int number) : number_(number) {
  const int source = count_arrivals(number);
  base::UniqueFd set(::epoll_create1(EPOLL_CLOEXEC));
  if (set.get() < 0) base::throw_errno(errno, "epoll_create1");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (::epoll_ctl(set.get(), EPOLL_CTL_ADD, source, &event) != 0) base::throw_errno(errno, "epoll_ctl");
  seen_ = arrivals(number);
  fd_ = set.release();
}

void Signal::close() noexcept {
  if (fd_ < 0) return;
  const base::ErrnoKeeper errno_before;
  const int closing = std::exchange(fd_, -1);
  io::fd_closing(closing);
  ::close(closing);
}

void Signal::recv() {
  const int fd = fd_;
  if (fd < 0) throw Error(Errc::invalid_argument, "this Signal was moved from: use the object that it was moved to");
  io::begin("Signal::recv()");
  for (;;) {
    if (const std::uint64_t now = arrivals(number_); now != seen_) {
      seen_ = now;
      return;
    }
    io::await_fd(fd, io::kReadable, "epoll_wait");
    // Makes the set unreadable, before the number is looked at: a signal from here on makes it readable again.
    epoll_event event;
    if (::epoll_wait(fd, &event, 1, 0) < 0 && errno != EINTR) base::throw_errno(errno, "epoll_wait");
  }
}

void ctrl_c() { Signal(SIGINT).recv(); }

}  // namespace runtime::inline v1::signal
