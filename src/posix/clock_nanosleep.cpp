#include <sys/timerfd.h>

#include <runtime/posix.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/clock.hpp"
#include "base/system_error.hpp"
#include "base/unique_fd.hpp"
#include "driver/clock.hpp"
#include "io/wait.hpp"
#include "posix/on_pool.hpp"
#include "posix/time_limit.hpp"
#include "time/now.hpp"
#include "time/sleep.hpp"

namespace runtime::inline v1::posix {
namespace {

base::Nanos now_on(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return nanos_of(now);
}

int park_until_moment(base::Nanos deadline) noexcept {
  return time::park_until(deadline) == time::SleepEnd::elapsed ? 0 : ECANCELED;
}

/// Until a moment on a clock that others may set, or that goes on while the machine sleeps: the kernel follows it.
int wait_by_clock(clockid_t clock, base::Nanos moment) noexcept {
  const base::Nanos duration = std::max<base::Nanos>(moment - now_on(clock), 0);
  const bool is_real = time::current_clock()->is_real();
  const base::UniqueFd timer(duration > 0 && is_real ? ::timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC) : -1);
  itimerspec when{};
  when.it_value = base::to_timespec(moment);
  const bool is_set = timer.get() >= 0 && ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0;
  if (!is_set) return park_until_moment(time::deadline_after(duration));
  while (now_on(clock) < moment) {
    if (io::wait_fd(timer.get(), io::kReadable, base::kForever) == io::WaitEnd::cancelled) return ECANCELED;
  }
  return 0;
}

/// moment: of `clock`. 0 or ECANCELED.
int wait_until(clockid_t clock, base::Nanos moment) noexcept {
  if (clock == CLOCK_MONOTONIC) return park_until_moment(time::current_clock()->from_monotonic(moment));
  return wait_by_clock(clock, moment);
}

int wait_for(clockid_t clock, base::Nanos duration, timespec* left) noexcept {
  // To set CLOCK_REALTIME does not change how long a relative time is.
  const bool on_own_clock = clock != CLOCK_BOOTTIME;
  const base::Nanos start = on_own_clock ? time::now() : now_on(clock);
  const base::Nanos end = duration >= base::kForever - start ? base::kForever : start + duration;
  const int code = on_own_clock ? park_until_moment(end) : wait_by_clock(clock, end);
  if (code != 0 && left != nullptr) {
    const base::Nanos now = on_own_clock ? time::now() : now_on(clock);
    *left = base::to_timespec(std::max<base::Nanos>(duration - (now - start), 1));
  }
  return code;
}

/// By a clock that the driver does not know. A signal that comes to the thread of the pool interrupts nobody.
int sleep_on_pool(clockid_t clock, int flags, const timespec* time) noexcept {
  return call_on_pool([=] {
    timespec rest{};
    int code = ::clock_nanosleep(clock, flags, time, &rest);
    while (code == EINTR) {
      const timespec again = rest;
      code = ::clock_nanosleep(clock, flags, (flags & TIMER_ABSTIME) != 0 ? time : &again, &rest);
    }
    return code;
  });
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace base = runtime::base;
namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  if (!io::on_fiber()) return ::clock_nanosleep(clock, flags, time, left);
  const base::ErrnoKeeper keeper;
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) {
    if (io::cancel_pending()) return ECANCELED;
    return posix::sleep_on_pool(clock, flags, time);
  }
  if (time == nullptr) return EFAULT;
  if (!posix::is_valid(*time)) return EINVAL;
  const base::Nanos nanos = posix::nanos_of(*time);
  return (flags & TIMER_ABSTIME) != 0 ? posix::wait_until(clock, nanos) : posix::wait_for(clock, nanos, left);
}
