#include "driver/driver.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <ev.h>

#include "base/system_error.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::driver {
namespace {

static_assert(sizeof(ev_io) <= 64 && alignof(ev_io) <= 8);

constexpr int kBoth = int{EV_READ} | int{EV_WRITE};
// NOENV: LIBEV_FLAGS in the environment of some program must not choose our backend.
constexpr unsigned kLoopFlags = unsigned{EVBACKEND_EPOLL} | unsigned{EVFLAG_NOENV};

ev_io* as_io(std::byte* storage) noexcept { return std::launder(reinterpret_cast<ev_io*>(storage)); }

int events_of(std::uint8_t interest) noexcept {
  return ((interest & kReadable) != 0 ? EV_READ : 0) | ((interest & kWritable) != 0 ? EV_WRITE : 0);
}

base::UniqueFd checked(int fd, const char* call) {
  if (fd < 0) base::throw_errno(errno, call);
  return base::UniqueFd(fd);
}

// Every driver of the process, so that a descriptor closed on one thread is known on all.
struct Registry {
  std::mutex mutex;
  Driver* first = nullptr;  // guarded by mutex
};
constinit Registry registry;

// Every close on purpose has a number: a watch that began before it is told, one that began after belongs to the
// number's next owner.
constinit std::atomic<std::uint64_t> last_close{0};

}  // namespace

// libev calls these. noexcept: an exception must not cross C code.
struct Driver::Callbacks {
  static void on_fd(struct ev_loop* loop, ev_io* watcher, int events) noexcept {
    FdWatch& watch = *static_cast<FdWatch*>(watcher->data);
    // One report is enough; a level-triggered descriptor would make the next look return at once.
    ::ev_io_stop(loop, watcher);
    if (watch.previous_ != nullptr || watch.next_ != nullptr) {
      static_cast<Driver*>(::ev_userdata(loop))->check_before_look(watch.fd_);
    }
    // EV_ERROR: the descriptor is none that can be watched. Both directions are "ready" then, and the call that the
    // waiter tries next says what is wrong.
    if ((events & EV_ERROR) != 0) events = kBoth;
    if ((events & EV_READ) != 0) watch.ready_ |= kReadable;
    if ((events & EV_WRITE) != 0) watch.ready_ |= kWritable;
    watch.ready_ &= watch.interest_;
    task::wake(watch.task_);
  }
  static void on_bell(struct ev_loop*, ev_io* watcher, int) noexcept {
    std::uint64_t rings;
    // Nothing is lost if this fails: the eventfd stays readable then, and we are called again.
    static_cast<void>(!::read(watcher->fd, &rings, sizeof rings));
  }
  static void on_alarm(struct ev_loop*, ev_io* watcher, int) noexcept {
    static_cast<Driver*>(watcher->data)->alarm_expired_ = true;
  }
};

void Driver::LoopDeleter::operator()(struct ev_loop* loop) const noexcept { ::ev_loop_destroy(loop); }

Driver::Driver()
    : owner_(task::this_thread()),
      eventfd_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      timerfd_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")) {
  errno = 0;
  loop_.reset(::ev_loop_new(kLoopFlags));
  if (loop_ == nullptr) base::throw_errno(errno != 0 ? errno : ENOSYS, "epoll_create (the libev loop)");

  ::ev_set_userdata(loop_.get(), this);
  ev_io* bell = ::new (static_cast<void*>(bell_)) ev_io;
  ev_io_init(bell, &Callbacks::on_bell, eventfd_.get(), EV_READ);
  ::ev_io_start(loop_.get(), bell);
  ev_io* alarm = ::new (static_cast<void*>(alarm_watcher_)) ev_io;
  ev_io_init(alarm, &Callbacks::on_alarm, timerfd_.get(), EV_READ);
  alarm->data = this;
  ::ev_io_start(loop_.get(), alarm);
  // Asked now, so that the onlooker has its descriptors before the table is full: a runtime that is destroyed on a
  // fiber of another one needs it. Should there be none even now, fd() goes on saying -1 and the waiter polls.
  static_cast<void>(fd());

  const std::lock_guard lock(registry.mutex);
  next_driver_ = registry.first;
  registry.first = this;
}

Driver::~Driver() { close(); }

void Driver::close() noexcept {
  if (loop_ == nullptr) return;
  {
    const std::lock_guard lock(registry.mutex);
    Driver** link = &registry.first;
    while (*link != this) link = &(*link)->next_driver_;
    *link = next_driver_;
  }
  // Nobody begins to ring any more, since we never park again; who has begun ends soon, and must not write to a number
  // that belongs to somebody else by then.
  parked_.store(false, std::memory_order_seq_cst);
  while (ringers_.load(std::memory_order_seq_cst) != 0) ::sched_yield();
  onlooker_.reset();
  loop_.reset();
  eventfd_ = base::UniqueFd();
  timerfd_ = base::UniqueFd();
}

int Driver::fd() noexcept {
  // libev shows the descriptor of its epoll set only to a loop that embeds ours, so one embeds it for a moment. Asked
  // anew each time: libev makes another set when a descriptor's past confuses it.
  if (onlooker_ == nullptr) onlooker_.reset(::ev_loop_new(kLoopFlags));
  if (onlooker_ == nullptr) return -1;
  ev_embed embed;
  ev_embed_init(&embed, nullptr, loop_.get());
  ::ev_embed_start(onlooker_.get(), &embed);
  const int fd = embed.io.fd;
  ::ev_embed_stop(onlooker_.get(), &embed);
  return fd;
}

void Driver::poll() noexcept {
  // While nobody watches a descriptor the kernel can have no news for us: other threads' tasks are in the inject queue
  // whether the eventfd says so or not. Saves the one system call that tasks which only compute would make.
  if (watched_.load(std::memory_order_relaxed) != 0) return look();
  after_look();
}

void Driver::look() noexcept {
  drop_dead_watches();
  ++looks_;
  ::ev_run(loop_.get(), EVRUN_NOWAIT);
  after_look();
}

void Driver::sleep(base::Nanos deadline) noexcept {
  deadline = std::min(deadline, timers_.earliest());
  if (deadline != base::kForever && deadline <= base::monotonic_now()) return poll();
  // An alarm that is too early costs one needless look; setting it costs a system call each time. So it is only ever
  // moved forward, or set anew once it has gone off.
  if (alarm_expired_ || deadline < alarm_) set_alarm(deadline);
  const bool somebody_is_ready = drop_dead_watches();
  ++looks_;
  ::ev_run(loop_.get(), somebody_is_ready ? EVRUN_NOWAIT : EVRUN_ONCE);
  after_look();
}

// libev, built with its assertions as Debian does, ends the program when epoll knows no such descriptor. One that was
// closed since its watch began, by a close that was not announced, is "ready": the call that is tried next says EBADF.
bool Driver::drop_dead_watches() noexcept {
  bool woken = false;
  for (const int fd : fresh_) woken |= drop_if_dead(fd);
  if (check_all_) {
    for (std::size_t fd = 0; fd < watches_.size(); ++fd) woken |= drop_if_dead(static_cast<int>(fd));
  }
  fresh_.clear();
  check_all_ = false;
  return woken;
}

bool Driver::drop_if_dead(int fd) noexcept {
  FdWatch* watch = watches_[static_cast<std::size_t>(fd)];
  if (watch == nullptr || ::fcntl(fd, F_GETFD) >= 0) return false;
  for (; watch != nullptr; watch = watch->next_) {
    ::ev_io_stop(loop_.get(), as_io(watch->watcher_));
    watch->ready_ = watch->interest_;
    task::wake(watch->task_);
  }
  return true;
}

// One of several watches of a descriptor has ended: libev will tell epoll what is left of them.
void Driver::check_before_look(int fd) noexcept {
  try {
    fresh_.push_back(fd);
  } catch (const std::bad_alloc&) {
    check_all_ = true;
  }
}

void Driver::after_look() noexcept {
  if (has_notices_.load(std::memory_order_seq_cst)) read_notices();
  if (!timers_.is_empty()) timers_.fire(base::monotonic_now());
}

void Driver::set_alarm(base::Nanos deadline) noexcept {
  itimerspec when{};  // all zero disarms
  if (deadline != base::kForever) {
    when.it_value = base::to_timespec(deadline);
    if (when.it_value.tv_sec == 0 && when.it_value.tv_nsec == 0) when.it_value.tv_nsec = 1;
  }
  ::timerfd_settime(timerfd_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  alarm_ = deadline;
  alarm_expired_ = false;
}

void Driver::ring() noexcept {
  const base::ErrnoKeeper keeper;
  const std::uint64_t one = 1;
  // EAGAIN, the only failure there can be, means that it rings already.
  static_cast<void>(!::write(eventfd_.get(), &one, sizeof one));
}

bool Driver::watch(FdWatch& watch) noexcept {
  const auto index = static_cast<std::size_t>(watch.fd_);
  if (index >= watches_.size()) {
    const base::ErrnoKeeper keeper;
    if (::fcntl(watch.fd_, F_GETFD) < 0) {
      // No descriptor, and perhaps a number that no table should be made for. The call that is tried next will say so.
      watch.ready_ = watch.interest_;
      return true;
    }
    try {
      watches_.resize(std::max(index + 1, watches_.size() * 2));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  try {
    fresh_.push_back(watch.fd_);
  } catch (const std::bad_alloc&) {
    return false;
  }
  if (watches_[index] != nullptr) forget_former_owner(watch.fd_);
  watch.looks_ = looks_;
  watched_.fetch_add(1, std::memory_order_seq_cst);  // before last_close is read: pairs with announce_close()
  watch.since_ = last_close.load(std::memory_order_seq_cst);
  watch.previous_ = nullptr;
  watch.next_ = watches_[index];
  if (watch.next_ != nullptr) watch.next_->previous_ = &watch;
  watches_[index] = &watch;
  watch.watched_ = true;

  ev_io* io = ::new (static_cast<void*>(watch.watcher_)) ev_io;
  // A new watcher each time: libev then asks epoll about the number again, which may be another description by now.
  ev_io_init(io, &Callbacks::on_fd, watch.fd_, events_of(watch.interest_));
  io->data = &watch;
  if (watch.interest_ != 0) ::ev_io_start(loop_.get(), io);  // else only a close is waited for
  return true;
}

void Driver::unwatch(FdWatch& watch) noexcept {
  if (!watch.watched_) return;
  watch.watched_ = false;
  ::ev_io_stop(loop_.get(), as_io(watch.watcher_));
  (watch.previous_ != nullptr ? watch.previous_->next_ : watches_[static_cast<std::size_t>(watch.fd_)]) = watch.next_;
  if (watch.next_ != nullptr) watch.next_->previous_ = watch.previous_;
  if (watches_[static_cast<std::size_t>(watch.fd_)] != nullptr) check_before_look(watch.fd_);
  if (watched_.fetch_sub(1, std::memory_order_relaxed) == 1) fresh_.clear();
}

// A plain close() tells nobody. The number may stand for another description by now, whose news must not wake those who
// waited on the former one: epoll, which knows descriptions, takes it as new then. They go on waiting, for nothing.
void Driver::forget_former_owner(int number) noexcept {
  const base::ErrnoKeeper keeper;
  epoll_event none{};
  const int epoll = fd();
  if (epoll < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, number, &none) != 0) return;  // EEXIST: it is the same
  ::epoll_ctl(epoll, EPOLL_CTL_DEL, number, nullptr);
  FdWatch* next;
  for (FdWatch* watch = watches_[static_cast<std::size_t>(number)]; watch != nullptr; watch = next) {
    next = watch->next_;
    // epoll knows nothing of a watch without interest, nor of one that began since the last look.
    if (watch->interest_ != 0 && watch->looks_ < looks_) unwatch(*watch);
  }
}

void Driver::announce_close(int fd) noexcept {
  if (fd < 0) return;
  const std::uint64_t number = last_close.fetch_add(1, std::memory_order_seq_cst) + 1;
  const std::lock_guard lock(registry.mutex);
  for (Driver* driver = registry.first; driver != nullptr; driver = driver->next_driver_) {
    if (driver->watched_.load(std::memory_order_seq_cst) == 0) continue;
    if (driver->owner_ == task::this_thread()) {
      driver->close_watches(fd, number);
      continue;
    }
    {
      const std::lock_guard notices_lock(driver->notices_mutex_);
      try {
        driver->notices_.push_back({fd, number});
      } catch (const std::bad_alloc&) {
        driver->lost_notice_ = number;
      }
      driver->has_notices_.store(true, std::memory_order_seq_cst);  // before parked_ is read: pairs with park()
    }
    driver->unpark();
  }
}

void Driver::read_notices() noexcept {
  std::vector<CloseNotice> notices;
  std::uint64_t lost;
  {
    const std::lock_guard lock(notices_mutex_);
    notices.swap(notices_);
    lost = std::exchange(lost_notice_, 0);
    has_notices_.store(false, std::memory_order_relaxed);
  }
  for (const CloseNotice& notice : notices) close_watches(notice.fd, notice.number);
  if (lost == 0) return;
  // Which descriptor it was is forgotten. Everybody looks again: a closed one answers EBADF.
  for (FdWatch* watch : watches_) {
    for (; watch != nullptr; watch = watch->next_) {
      if (watch->since_ >= lost) continue;
      watch->ready_ = watch->interest_;
      task::wake(watch->task_);
    }
  }
}

void Driver::close_watches(int fd, std::uint64_t number) noexcept {
  if (static_cast<std::size_t>(fd) >= watches_.size()) return;
  for (FdWatch* watch = watches_[static_cast<std::size_t>(fd)]; watch != nullptr; watch = watch->next_) {
    if (watch->since_ >= number) continue;
    watch->closed_ = true;
    ::ev_io_stop(loop_.get(), as_io(watch->watcher_));
    task::wake(watch->task_);
  }
}

}  // namespace runtime::inline v1::driver
