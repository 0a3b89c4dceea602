#include "posix/poll_set.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace runtime::inline v1::posix {

int look_at(pollfd* fds, nfds_t count) noexcept {
  int ready;
  do {
    ready = ::poll(fds, count, 0);
  } while (ready < 0 && errno == EINTR);
  return ready;
}

/// The driver watches for POLLIN and POLLOUT. Anything else, and "only errors", is left to an epoll descriptor of our
/// own, which becomes readable: epoll's events have poll's values. For select(), whatever is readable also at errors
/// and hang-ups has its answer then; the rest is left to that epoll descriptor, which reports each news once.
bool PollSet::needs_epoll(short events) const noexcept {
  if ((events & ~(POLLIN | POLLOUT)) != 0 || (events & (POLLIN | POLLOUT)) == 0) return true;
  return whom_ == For::select && (events & POLLIN) == 0;
}

bool PollSet::fill() noexcept {
  constexpr nfds_t kOwn = 2;
  if (count_ + kOwn > kFew) {
    many_.reset(new (std::nothrow) io::FdWait[count_ + kOwn]);
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
  looks_again_ |= !mask_.watch();
  if (mask_.fd() >= 0) push(mask_.fd(), io::kReadable);
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
  if (whom_ == For::select) event.events |= EPOLLET;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return true;
  // Regular files and the like never have such events.
  if (errno == EPERM) return true;
  if (errno != EEXIST) return false;
  for (nfds_t i = 0; i < index; ++i) {
    if (fds_[i].fd == fd && needs_epoll(fds_[i].events)) event.events |= static_cast<unsigned short>(fds_[i].events);
  }
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0;
}

// What was reported once is not reported again: then the look, not epoll, says what there is.
void PollSet::drain_epoll() noexcept {
  constexpr int kAtOnce = 16;
  epoll_event events[kAtOnce];
  while (::epoll_wait(epoll_.get(), events, kAtOnce, 0) == kAtOnce) {
  }
}

io::WaitEnd PollSet::wait(base::Nanos deadline) noexcept {
  const io::WaitEnd end = io::wait_fds(waits_, size_, deadline, looks_again_ ? kLookAgain : base::kForever);
  if (end != io::WaitEnd::ready) return end;
  if (whom_ == For::select && epoll_.get() >= 0) drain_epoll();
  return end;
}

bool PollSet::has_closed() const noexcept {
  return std::any_of(waits_, waits_ + size_, [](const io::FdWait& wait) { return wait.closed; });
}

int PollSet::look_again() noexcept {
  if (!has_closed()) return look_at(fds_, count_);
  int ready = 0;
  const io::FdWait* wait = waits_;
  for (nfds_t i = 0; i < count_; ++i) {
    pollfd& entry = fds_[i];
    entry.revents = 0;
    if (entry.fd < 0) continue;
    if ((wait++)->closed) {
      entry.revents = POLLNVAL;
      ++ready;
    } else if (look_at(&entry, 1) == 1) {
      ++ready;
    }
  }
  return ready;
}

}  // namespace runtime::inline v1::posix
