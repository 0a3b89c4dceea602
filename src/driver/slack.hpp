#pragma once

#include <algorithm>
#include <cstddef>

#include "base/clock.hpp"
#include "driver/timer_wheel.hpp"

namespace runtime::inline v1::driver {

/// How much longer than its first timer asks a thread may sleep, in ns: 0 to 750,000.
///
/// A wake-up costs some ten microseconds of system calls, and twice as much for caches that have gone cold, which timers
/// that are close together can share: for each other one that is due within a millisecond of the first it is twenty
/// microseconds, but not beyond the last of them. Three quarters of the millisecond that is promised may go this way, less
/// half a microsecond for each task that is woken: the rest is for the kernel and for running them. So one timer is exact,
/// whatever waits far behind it, and so are a thousand that are due at the same moment.
inline base::Nanos slack(const TimerWheel::Near& near) noexcept {
  if (near.count < 2) return 0;
  const auto others = static_cast<base::Nanos>(std::min<std::size_t>(near.count, 1'501)) - 1;
  return std::max<base::Nanos>(std::min({others * 20'000, near.span, 750'000 - others * 500}), 0);
}

}  // namespace runtime::inline v1::driver
