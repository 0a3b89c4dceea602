#include "time/sleep.hpp"

#include <algorithm>
#include <ctime>

#include <runtime/error.hpp>
#include <runtime/time.hpp>

#include "base/system_error.hpp"
#include "time/now.hpp"
#include "time/park_until.hpp"

namespace runtime::inline v1 {

namespace time {

SleepEnd park_until(base::Nanos deadline) noexcept {
  const WaitEnd end = park_until(*task::parkable(), deadline, [] { return false; });
  return end == WaitEnd::cancelled ? SleepEnd::cancelled : SleepEnd::elapsed;
}

namespace {

// A thread without fibers blocks in real time, whatever the clock of the runtime it has entered does.
void block_until(base::Nanos deadline) noexcept {
  const base::ErrnoKeeper keeper;
  const timespec end = base::to_timespec(std::max<base::Nanos>(deadline, 0));
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) == EINTR) {
  }
}

void sleep_on_fiber(base::Nanos deadline, const char* what) {
  require_timers(what);
  if (park_until(deadline) == SleepEnd::cancelled) throw Cancelled();
}

}  // namespace
}  // namespace time

namespace detail {

void sleep_for_nanos(Nanos duration) {
  if (duration < 0) throw Error(Errc::invalid_argument, "sleep_for() takes a duration of zero or more");
  if (task::parkable() == nullptr) return time::block_until(base::deadline_after(duration));
  time::sleep_on_fiber(time::deadline_after(duration), "sleep_for()");
}

void sleep_until_monotonic(Nanos deadline) {
  if (task::parkable() == nullptr) return time::block_until(deadline);
  time::sleep_on_fiber(time::current_clock()->from_monotonic(deadline), "sleep_until()");
}

void sleep_until_nanos(Nanos deadline) {
  if (task::parkable() == nullptr) {
    const Nanos now = time::now();
    return time::block_until(base::deadline_after(deadline > now ? deadline - now : 0));
  }
  time::sleep_on_fiber(deadline, "sleep_until()");
}

bool lives_in_real_time() noexcept { return task::parkable() == nullptr || time::current_clock()->is_real(); }

}  // namespace detail
}  // namespace runtime::inline v1
