#include <sys/epoll.h>

#include <runtime/posix.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "io/wait.hpp"
#include "posix/patience.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::posix {
namespace {

int look(pollfd* fds, nfds_t count) noexcept {
  int ready;
  do {
    ready = ::poll(fds, count, 0);
  } while (ready < 0 && errno == EINTR);
  return ready;
}

/// The driver watches for POLLIN and POLLOUT. Anything else, and "only errors", is left to an epoll descriptor of our
/// own, which becomes readable: epoll's events have poll's values.
bool needs_epoll(short events) noexcept {
  return (events & ~(POLLIN | POLLOUT)) != 0 || (events & (POLLIN | POLLOUT)) == 0;
}

/// What one poll() waits for, in the form the driver takes it.
class PollSet final {
 public:
  PollSet(pollfd* fds, nfds_t count) noexcept : fds_(fds), count_(count) {}

  /// False: no memory.
  bool fill() noexcept;
  io::WaitEnd wait(base::Nanos deadline) noexcept;
  /// As look(), with POLLNVAL for what was closed meanwhile: its number may be another file's by now.
  int look_again() noexcept;

 private:
  static constexpr base::Nanos kLookAgain = 10'000'000;
  static constexpr std::size_t kFew = 16;

  bool add_to_epoll(nfds_t index) noexcept;
  std::uint32_t events_of(int fd) const noexcept;
  void push(int fd, std::uint8_t interest) noexcept { waits_[size_++] = io::FdWait{fd, interest, 0, false}; }

  pollfd* const fds_;
  const nfds_t count_;
  io::FdWait few_[kFew];
  std::unique_ptr<io::FdWait[]> many_;
  io::FdWait* waits_ = few_;  // in the order of fds_, without negative ones; the epoll descriptor last
  std::size_t size_ = 0;
  base::UniqueFd epoll_;
  bool looks_again_ = false;  // epoll could not take all: look every kLookAgain
};

bool PollSet::fill() noexcept {
  if (count_ + 1 > kFew) {
    many_.reset(new (std::nothrow) io::FdWait[count_ + 1]);
    if (many_ == nullptr) return false;
    waits_ = many_.get();
  }
  for (nfds_t i = 0; i < count_; ++i) {
    const pollfd& entry = fds_[i];
    if (entry.fd < 0) continue;
    if (needs_epoll(entry.events)) {
      looks_again_ |= !add_to_epoll(i);
      push(entry.fd, 0);  // told of its closing, and of nothing else
      continue;
    }
    std::uint8_t interest = 0;
    if ((entry.events & POLLIN) != 0) interest |= io::kReadable;
    if ((entry.events & POLLOUT) != 0) interest |= io::kWritable;
    push(entry.fd, interest);
  }
  if (epoll_.get() >= 0) push(epoll_.get(), io::kReadable);
  return true;
}

bool PollSet::add_to_epoll(nfds_t index) noexcept {
  const int fd = fds_[index].fd;
  if (epoll_.get() < 0) {
    epoll_ = base::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (epoll_.get() < 0) return false;
  }
  epoll_event event{};
  event.events = static_cast<unsigned short>(fds_[index].events);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return true;
  // Regular files and the like never have such events.
  if (errno == EPERM) return true;
  if (errno != EEXIST) return false;
  for (nfds_t i = 0; i < index; ++i) {
    if (fds_[i].fd == fd && needs_epoll(fds_[i].events)) event.events |= static_cast<unsigned short>(fds_[i].events);
  }
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0;
}

io::WaitEnd PollSet::wait(base::Nanos deadline) noexcept {
  return io::wait_fds(waits_, size_, deadline, looks_again_ ? kLookAgain : base::kForever);
}

int PollSet::look_again() noexcept {
  const bool any_closed = std::any_of(waits_, waits_ + size_, [](const io::FdWait& wait) { return wait.closed; });
  if (!any_closed) return look(fds_, count_);
  int ready = 0;
  const io::FdWait* wait = waits_;
  for (nfds_t i = 0; i < count_; ++i) {
    pollfd& entry = fds_[i];
    entry.revents = 0;
    if (entry.fd < 0) continue;
    if ((wait++)->closed) {
      entry.revents = POLLNVAL;
      ++ready;
    } else if (look(&entry, 1) == 1) {
      ++ready;
    }
  }
  return ready;
}

int poll_parking(pollfd* fds, nfds_t count, int timeout) noexcept {
  const int ready = look(fds, count);
  if (ready != 0 || timeout == 0) return ready;
  const base::Nanos deadline = timeout < 0 ? base::kForever : time::deadline_after(timeout * base::Nanos{1'000'000});
  PollSet set(fds, count);
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
  }
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_poll(pollfd* fds, nfds_t count, int timeout) {
  if (!io::begin_call()) return ::poll(fds, count, timeout);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::poll_parking(fds, count, timeout));
}
