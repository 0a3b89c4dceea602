#include <unistd.h>

#include <runtime/posix.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "io/wait.hpp"
#include "posix/time_limit.hpp"
#include "time/now.hpp"
#include "time/sleep.hpp"

namespace runtime::inline v1::posix {
namespace {

/// Parks for a time; what is left of it: 0, unless the task was cancelled.
base::Nanos sleep_parking(base::Nanos duration) noexcept {
  const int errno_before = errno;
  const base::Nanos start = time::now();
  const base::Nanos deadline = duration >= base::kForever - start ? base::kForever : start + duration;
  const bool is_over = time::park_until(deadline) == time::SleepEnd::elapsed;
  errno = is_over ? errno_before : ECANCELED;
  if (is_over) return 0;
  // At least something: a sleep that was cut short must not look like one that was not.
  return std::max<base::Nanos>(duration - (time::now() - start), 1);
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace base = runtime::base;
namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_nanosleep(const timespec* time, timespec* left) {
  if (!io::on_fiber()) return ::nanosleep(time, left);
  if (time == nullptr) {
    errno = EFAULT;
    return -1;
  }
  if (!posix::is_valid(*time)) {
    errno = EINVAL;
    return -1;
  }
  const base::Nanos rest = posix::sleep_parking(posix::nanos_of(*time));
  if (rest == 0) return 0;
  if (left != nullptr) *left = base::to_timespec(rest);
  return -1;
}

unsigned int runtime_sleep(unsigned int seconds) {
  if (!io::on_fiber()) return ::sleep(seconds);
  const base::Nanos rest = posix::sleep_parking(seconds * posix::kSecond);
  return static_cast<unsigned int>((rest + posix::kSecond - 1) / posix::kSecond);
}

int runtime_usleep(unsigned int microseconds) {
  if (!io::on_fiber()) return ::usleep(microseconds);
  return posix::sleep_parking(microseconds * base::Nanos{1000}) == 0 ? 0 : -1;
}
