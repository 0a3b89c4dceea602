#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include <runtime/posix.h>

#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

// thrd_sleep() has its errors in the result: -1 for an interrupted sleep, another negative number for others.
int thrd_sleep_parking(const timespec* time, timespec* left) {
  const int errno_before = errno;
  const int error = runtime_clock_nanosleep(CLOCK_REALTIME, 0, time, left);
  errno = errno_before;
  if (error == 0) return 0;
  return error == ECANCELED || error == EINTR ? -1 : -2;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(unsigned, sleep, (unsigned seconds), (seconds), runtime_sleep(seconds))
RUNTIME_PRELOAD(int, usleep, (useconds_t microseconds), (microseconds), runtime_usleep(microseconds))
RUNTIME_PRELOAD(int, nanosleep, (const timespec* time, timespec* left), (time, left), runtime_nanosleep(time, left))
RUNTIME_PRELOAD_ALIAS(int, __nanosleep, nanosleep, (const timespec*, timespec*))
RUNTIME_PRELOAD(int, clock_nanosleep, (clockid_t clock, int flags, const timespec* time, timespec* left),
                (clock, flags, time, left), runtime_clock_nanosleep(clock, flags, time, left))
RUNTIME_PRELOAD(int, thrd_sleep, (const timespec* time, timespec* left), (time, left), thrd_sleep_parking(time, left))
