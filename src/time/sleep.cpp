#include "time/sleep.hpp"

#include <ctime>

#include <runtime/error.hpp>
#include <runtime/time.hpp>

#include "base/system_error.hpp"
#include "time/park_until.hpp"

namespace runtime::inline v1 {

namespace time {

SleepEnd park_until(base::Nanos deadline) noexcept {
  const WaitEnd end = park_until(*task::parkable(), deadline, [] { return false; });
  return end == WaitEnd::cancelled ? SleepEnd::cancelled : SleepEnd::elapsed;
}

namespace {

void sleep_until(base::Nanos deadline) {
  if (task::parkable() == nullptr) {
    const base::ErrnoKeeper keeper;
    const timespec end = base::to_timespec(deadline);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) == EINTR) {
    }
    return;
  }
  if (park_until(deadline) == SleepEnd::cancelled) throw Cancelled();
}

}  // namespace
}  // namespace time

namespace detail {

void sleep_for_nanos(Nanos duration) {
  if (duration < 0) throw Error(Errc::invalid_argument, "sleep_for() takes a duration of zero or more");
  time::sleep_until(base::deadline_after(duration));
}

void sleep_until_monotonic(Nanos deadline) { time::sleep_until(deadline < 0 ? 0 : deadline); }

}  // namespace detail
}  // namespace runtime::inline v1
