#include "driver/driver.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <ev.h>

#include "base/backoff.hpp"
#include "base/sanitizer.hpp"
#include "base/system_error.hpp"
#include "driver/slack.hpp"
#include "task/current.hpp"

namespace runtime::inline v1::driver {
namespace {

static_assert(sizeof(ev_io) <= 64 && alignof(ev_io) <= 8);

// NOENV: LIBEV_FLAGS in the environment of some program must not choose our backend.
constexpr unsigned kLoopFlags = unsigned{EVBACKEND_EPOLL} | unsigned{EVFLAG_NOENV};

constexpr std::size_t kMostNotices = 1024;
// More than the kernel's tick takes: on a processor that is busy, a wait that ends before the next tick has to be told to
// its timer. Measured on a virtual machine, that is two microseconds for each.
constexpr int kShort = 20;  // milliseconds
constexpr base::Nanos kMillisecond = 1'000'000;
constexpr std::uint32_t kBell = 0;
constexpr std::uint32_t kAlarm = 1;

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
  static void on_news(struct ev_loop*, ev_io* watcher, int) noexcept { static_cast<Driver*>(watcher->data)->collect(); }
};

void Driver::LoopDeleter::operator()(struct ev_loop* loop) const noexcept { ::ev_loop_destroy(loop); }

Driver::Driver()
    : owner_(task::this_thread()),
      eventfd_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      timerfd_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")) {
  errno = 0;
  loop_.reset(::ev_loop_new(kLoopFlags));
  if (loop_ == nullptr) base::throw_errno(errno != 0 ? errno : ENOSYS, "epoll_create (the libev loop)");

  ev_io* news = ::new (static_cast<void*>(set_watcher_)) ev_io;
  ev_io_init(news, &Callbacks::on_news, set_.fd(), EV_READ);
  news->data = this;
  ::ev_io_start(loop_.get(), news);
  // libev tells its epoll of the set now, while it is empty: the kernel refuses to nest a set in which one file is watched
  // more than 500 times, and libev ends the program over that. So we are refused instead, when we watch the next.
  ::ev_run(loop_.get(), EVRUN_NOWAIT);
  set_.add_signal(eventfd_.get(), kBell);
  set_.add_signal(timerfd_.get(), kAlarm);

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
  for (base::Backoff backoff; ringers_.load(std::memory_order_seq_cst) != 0;) backoff.pause();
  base::happens_after(&ringers_);
  loop_.reset();
  set_.close();
  eventfd_ = base::UniqueFd();
  timerfd_ = base::UniqueFd();
}

void Driver::poll() noexcept {
  // While nobody watches a descriptor the kernel can have no news for us: other threads' tasks are in the inject queue
  // whether the eventfd says so or not. Saves the one system call that tasks which only compute would make.
  if (set_.watched() != 0) return look();
  after_look();
}

void Driver::look() noexcept {
  collect();
  after_look();
}

// False: nothing came in that time.
bool Driver::collect(int milliseconds) noexcept {
  const EpollSet::News news = set_.collect(milliseconds);
  // Nobody reads the eventfd or the timerfd: each signal is reported once.
  if ((news.signals & (std::uint64_t{1} << kAlarm)) != 0) alarm_ = base::kForever;
  return news.has_come;
}

void Driver::sleep(base::Nanos deadline) noexcept {
  deadline = std::min(deadline, real_timers_.earliest());
  const base::Nanos first = clock.to_monotonic(timers_.earliest_bound());
  const base::Nanos earliest = std::min(deadline, first);
  const base::Nanos now = earliest != base::kForever ? base::monotonic_now() : 0;
  if (earliest <= now) return poll();
  const base::Nanos alarm = first < deadline ? std::min(deadline, first + slack(timers_.near())) : deadline;
  set_alarm(alarm);
  // libev sleeps on the set, and the set is asked behind it: two system calls, and two sets that the kernel has to wake.
  // A thread that has slept for less than kShort will do so again, more often than not, so it asks the set itself; once
  // that has been in vain, the sleep is long enough for libev. Where the alarm is due just behind that, the set is asked
  // until then: a look in between would be a wake-up for nothing.
  const bool alarm_is_near = alarm - now <= 2 * kShort * kMillisecond;
  if (sleeps_shortly_ && collect(alarm_is_near ? 3 * kShort : kShort)) return after_look();
  const base::Nanos limit = base::deadline_after(sleeps_shortly_ ? 0 : kShort * kMillisecond);
  ::ev_run(loop_.get(), EVRUN_ONCE);
  sleeps_shortly_ = base::monotonic_now() < limit;
  after_look();
}

void Driver::begin_absence() noexcept {
  set_alarm(next_alarm());
  parked_.store(true, std::memory_order_seq_cst);
  if (has_notices_.load(std::memory_order_seq_cst)) unpark();
}

void Driver::after_look() noexcept {
  if (has_notices_.load(std::memory_order_seq_cst)) read_notices();
  fire_timers();
}

void Driver::fire_timers() noexcept {
  if (!timers_.is_empty()) timers_.fire(clock.now());
  if (!real_timers_.is_empty()) real_timers_.fire(base::monotonic_now());
}

bool Driver::jump() noexcept {
  if (timers_.is_empty()) return false;
  clock.advance_to(timers_.earliest());
  fire_timers();
  return true;
}

base::Nanos Driver::next_alarm() const noexcept {
  return std::min(clock.to_monotonic(timers_.earliest_bound()), real_timers_.earliest());
}

// An alarm that is too early costs one needless look; setting it costs a system call each time. So it is only ever
// moved forward, or set anew once it has gone off.
void Driver::set_alarm(base::Nanos deadline) noexcept {
  if (deadline >= alarm_) return;
  itimerspec when{};
  when.it_value = base::to_timespec(std::max<base::Nanos>(deadline, 1));  // 0 would mean no alarm
  ::timerfd_settime(timerfd_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  alarm_ = deadline;
}

void Driver::ring() noexcept {
  const base::ErrnoKeeper keeper;
  const std::uint64_t one = 1;
  // EAGAIN, the only failure there can be, means that it rings already.
  static_cast<void>(!::write(eventfd_.get(), &one, sizeof one));
  base::happens_before(&ringers_);  // close() gives the number back
}

bool Driver::watch(FdWatch& watch) noexcept { return set_.watch(watch, last_close); }

void Driver::announce(int fd, bool is_closing) noexcept {
  if (fd < 0) return;
  const std::lock_guard lock(registry.mutex);
  // Under the lock: of two notices that are lost, the later one has the higher number.
  const std::uint64_t number = last_close.fetch_add(1, std::memory_order_seq_cst) + 1;
  for (Driver* driver = registry.first; driver != nullptr; driver = driver->next_driver_) {
    if (driver->set_.watched() == 0 && !driver->set_.has_owners()) continue;
    if (driver->owner_ == task::this_thread()) {
      driver->set_.tell_watches(fd, number, is_closing);
      continue;
    }
    {
      const std::lock_guard notices_lock(driver->notices_mutex_);
      try {
        if (driver->notices_.size() < kMostNotices) {
          driver->notices_.push_back({fd, number, is_closing});
        } else {
          driver->lost_notice_ = number;
        }
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
  for (const CloseNotice& notice : notices) set_.tell_watches(notice.fd, notice.number, notice.is_closing);
  if (lost != 0) set_.wake_all_before(lost);
}

}  // namespace runtime::inline v1::driver
