#include "driver/epoll_set.hpp"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "base/system_error.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::driver {
namespace {

constexpr int kBatch = 128;
constexpr std::uint8_t kEverything = kReadable | kWritable | kPriority;

// What the kernel hands back with an event: a signal of the driver's own, or a descriptor and which registration of it.
constexpr std::uint64_t kSignal = std::uint64_t{1} << 63;

std::uint64_t tag_of(int fd, std::uint32_t registration) noexcept {
  return std::uint64_t{registration & 0x7fffffff} << 32 | static_cast<std::uint32_t>(fd);
}

constexpr std::uint8_t kMostUnused = 16;
constexpr std::uint32_t kEdge = std::uint32_t{EPOLLET} | std::uint32_t{EPOLLRDHUP};
// Behind these a read that gives less than was asked for is not the last.
constexpr std::uint32_t kMoreBehind = std::uint32_t{EPOLLRDHUP} | std::uint32_t{EPOLLHUP} | std::uint32_t{EPOLLERR} |
                                      std::uint32_t{EPOLLPRI};

std::uint32_t events_of(std::uint8_t interest, bool is_edge) noexcept {
  return (is_edge ? kEdge : std::uint32_t{EPOLLONESHOT}) | ((interest & kReadable) != 0 ? std::uint32_t{EPOLLIN} : 0) |
         ((interest & kWritable) != 0 ? std::uint32_t{EPOLLOUT} : 0) |
         ((interest & kPriority) != 0 ? std::uint32_t{EPOLLPRI} : 0);
}

// An error or a hang-up ends every wait: the call that is tried next says what it is.
std::uint8_t interest_of(std::uint32_t events) noexcept {
  if ((events & (std::uint32_t{EPOLLERR} | std::uint32_t{EPOLLHUP})) != 0) return kEverything;
  return static_cast<std::uint8_t>(((events & EPOLLIN) != 0 ? kReadable : 0) | ((events & EPOLLOUT) != 0 ? kWritable : 0) |
                                   ((events & EPOLLPRI) != 0 ? kPriority : 0));
}

}  // namespace

EpollSet::EpollSet() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_.get() < 0) base::throw_errno(errno, "epoll_create1");
}

void EpollSet::add_signal(int fd, std::uint32_t number) {
  epoll_event event{};
  event.events = std::uint32_t{EPOLLIN} | std::uint32_t{EPOLLET};
  event.data.u64 = kSignal | number;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) base::throw_errno(errno, "epoll_ctl");
}

EpollSet::News EpollSet::collect(int milliseconds) noexcept {
  const base::ErrnoKeeper keeper;
  News news;
  epoll_event events[kBatch];
  int count;
  do {
    count = ::epoll_wait(epoll_.get(), events, kBatch, std::exchange(milliseconds, 0));
    news.has_come |= count != 0;  // a signal handler has run: that may be news, too
    for (int i = 0; i < count; ++i) {
      if (i + 2 < count) __builtin_prefetch(first_watch(events[i + 2].data.u64));
      if (i + 1 < count) {
        if (const FdWatch* next = first_watch(events[i + 1].data.u64)) __builtin_prefetch(&next->task_);
      }
      const std::uint64_t tag = events[i].data.u64;
      if ((tag & kSignal) != 0) {
        news.signals |= std::uint64_t{1} << (tag & 63);
        continue;
      }
      const int fd = static_cast<int>(tag & 0xffffffff);
      Number& number = numbers_[static_cast<std::size_t>(fd)];
      // A closed description that lives on elsewhere, through dup() or fork(), still reports under its former number.
      if (tag == tag_of(fd, number.registration)) report(number, fd, events[i].events);
    }
  } while (count == kBatch);  // nothing is reported twice, so this ends
  return news;
}

// Each watch is on a stack of its own, and so is looked for before its turn.
const FdWatch* EpollSet::first_watch(std::uint64_t tag) const noexcept {
  return (tag & kSignal) != 0 ? nullptr : numbers_[tag & 0xffffffff].first;
}

void EpollSet::report(Number& number, int fd, std::uint32_t events) noexcept {
  reported.add(1);
  const std::uint8_t ready = interest_of(events);
  for (FdWatch* watch = number.first; watch != nullptr; watch = watch->next_) {
    const std::uint8_t news = ready & watch->interest_;
    if (news == 0) continue;
    watch->ready_ |= news;
    task::wake(watch->task_);
  }
  if (number.owner != 0) {
    number.ready |= ready;
    number.has_more |= (events & kMoreBehind) != 0;
    number.unused = number.first != nullptr ? 0 : static_cast<std::uint8_t>(number.unused + 1);
    if (number.unused == kMostUnused) {
      static_cast<void>(control(EPOLL_CTL_MOD, fd, 0));  // fails if it was closed just now, which is as good
      set_owner(number, 0, 0);
    }
    return;
  }
  const std::uint8_t rest = wanted(number);
  if (rest == 0) return;
  const int error = control(EPOLL_CTL_MOD, fd, rest);
  if (error == 0) return;
  if (error == ENOENT) return forget_former_owner(number);
  // Closed at this very moment: whoever still waits finds out with his next call.
  for (FdWatch* watch = number.first; watch != nullptr; watch = watch->next_) {
    if (watch->interest_ == 0 || watch->has_news()) continue;
    watch->ready_ = watch->interest_;
    task::wake(watch->task_);
  }
}

// Of the watches that have no news yet.
std::uint8_t EpollSet::wanted(const Number& number) noexcept {
  std::uint8_t interest = 0;
  for (const FdWatch* watch = number.first; watch != nullptr; watch = watch->next_) {
    if (!watch->has_news()) interest |= watch->interest_;
  }
  return interest;
}

int EpollSet::control(int operation, int fd, std::uint8_t interest, bool is_edge) noexcept {
  epoll_event event{};
  event.events = events_of(interest, is_edge);
  event.data.u64 = tag_of(fd, numbers_[static_cast<std::size_t>(fd)].registration);
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

bool EpollSet::watch(FdWatch& watch, const std::atomic<std::uint64_t>& last_close) noexcept {
  const base::ErrnoKeeper keeper;
  count_one_more();  // before last_close is read, and what the caller looks at next: pairs with Driver::announce()
  watch.since_ = last_close.load(std::memory_order_seq_cst);
  const bool is_remembered = enlist(watch);
  if (!watch.watched_) watched_.fetch_sub(1, std::memory_order_relaxed);
  return is_remembered;
}

// Where no notice of a close passes us by, the order matters to nobody.
void EpollSet::count_one_more() noexcept {
  if (has_owners_.load(std::memory_order_relaxed)) {
    watched_.store(watched_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // nobody else writes it
  } else {
    watched_.fetch_add(1, std::memory_order_seq_cst);
  }
}

bool EpollSet::enlist(FdWatch& watch) noexcept {
  const auto index = static_cast<std::size_t>(watch.fd_);
  if (index >= numbers_.size()) {
    if (::fcntl(watch.fd_, F_GETFD) < 0) {
      // No descriptor, and perhaps a number that no table should be made for. The call that is tried next will say so.
      watch.ready_ = watch.interest_;
      return true;
    }
    try {
      numbers_.resize(std::max(index + 1, numbers_.size() * 2));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  Number& number = numbers_[index];
  if (watch.owner_ != 0 && watch.owner_ == number.owner && (watch.interest_ & ~number.edges) == 0 && !number.has_more) {
    // The caller has found nothing there just now; what comes from now on is reported. (An end or an error is a state, of
    // which there is no second news: with one of these the kernel is asked again below.)
    number.ready &= static_cast<std::uint8_t>(~unsigned{watch.interest_});
    number.unused = 0;
    link(number, watch);
    return true;
  }
  if (watch.interest_ != 0) {  // else only a close is waited for
    const int error = arm(number, watch);
    if (error == EBADF || error == EPERM) {  // no descriptor (any more), or a file, for which nobody has to wait
      watch.ready_ = watch.interest_;
      return true;
    }
    if (error != 0) return false;
  }
  link(number, watch);
  return true;
}

// Tells the kernel of one more watch, with what the others of this number still wait for.
int EpollSet::arm(Number& number, FdWatch& watch) noexcept {
  const bool is_edge = watch.owner_ != 0;
  // Urgent data is of interest to nobody here, but a read stops before it: see kMoreBehind.
  auto interest = static_cast<std::uint8_t>(watch.interest_ | (is_edge ? kPriority : 0));
  if (number.is_known) {
    auto all = static_cast<std::uint8_t>(wanted(number) | interest);
    if (is_edge && number.owner == watch.owner_) all |= number.edges;
    const int error = control(EPOLL_CTL_MOD, watch.fd_, all, is_edge);
    if (error == 0) set_owner(number, watch.owner_, all);  // the kernel reports anew what is ready now
    if (error != ENOENT) return error;
    forget_former_owner(number);
  }
  ++number.registration;  // before the kernel has it: what it reports of the former one is not for us
  const int error = control(EPOLL_CTL_ADD, watch.fd_, interest, is_edge);
  if (error == 0) {
    registered.add(1);
    set_owner(number, watch.owner_, interest);
  }
  number.is_known = error == 0 || error == EEXIST;  // by a dup2() on another thread, just now: the next watch will do
  return error;
}

void EpollSet::set_owner(Number& number, std::uint64_t owner, std::uint8_t edges) noexcept {
  number.owner = owner;
  number.edges = edges;
  number.ready = 0;
  number.unused = 0;
  number.has_more = false;
  if (owner != 0) has_owners_.store(true, std::memory_order_seq_cst);  // pairs with Driver::announce()
}

// A plain close() tells nobody. The number stands for another description by now, whose news must not wake those who
// waited on the former one: they go on waiting, for nothing, unless a notice of the close is still to come.
void EpollSet::forget_former_owner(Number& number) noexcept {
  for (FdWatch* watch = number.first; watch != nullptr; watch = watch->next_) watch->interest_ = 0;
  set_owner(number, 0, 0);
}

void EpollSet::link(Number& number, FdWatch& watch) noexcept {
  watch.previous_ = nullptr;
  watch.next_ = number.first;
  if (watch.next_ != nullptr) watch.next_->previous_ = &watch;
  number.first = &watch;
  watch.watched_ = true;
}

void EpollSet::unwatch(FdWatch& watch) noexcept {
  if (!watch.watched_) return;
  watch.watched_ = false;
  watched_.store(watched_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);  // nobody else writes it
  (watch.previous_ != nullptr ? watch.previous_->next_ : numbers_[static_cast<std::size_t>(watch.fd_)].first) = watch.next_;
  if (watch.next_ != nullptr) watch.next_->previous_ = watch.previous_;
}

void EpollSet::tell_watches(int fd, std::uint64_t number, bool is_closed) noexcept {
  if (static_cast<std::size_t>(fd) >= numbers_.size()) return;
  if (is_closed) {
    // Behind the owner's back, or by him: the next wait asks the kernel.
    set_owner(numbers_[static_cast<std::size_t>(fd)], 0, 0);
  } else {
    numbers_[static_cast<std::size_t>(fd)].ready = kEverything;
  }
  for (FdWatch* watch = numbers_[static_cast<std::size_t>(fd)].first; watch != nullptr; watch = watch->next_) {
    // Who began after the notice of a close waits for the next owner's news. Who began after the notice of a change may
    // have looked before the change: he looks again.
    if (is_closed && watch->since_ >= number) continue;
    if (is_closed) {
      watch->closed_ = true;
    } else {
      watch->ready_ = watch->interest_;
    }
    task::wake(watch->task_);
  }
}

void EpollSet::wake_all_before(std::uint64_t number) noexcept {
  for (Number& entry : numbers_) {
    if (entry.owner != 0) set_owner(entry, 0, 0);
    for (FdWatch* watch = entry.first; watch != nullptr; watch = watch->next_) {
      if (watch->since_ >= number) continue;
      watch->ready_ = watch->interest_;
      task::wake(watch->task_);
    }
  }
}

}  // namespace runtime::inline v1::driver
