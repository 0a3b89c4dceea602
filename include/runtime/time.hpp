#pragma once

#include <chrono>
#include <type_traits>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

RUNTIME_API void sleep_for_nanos(Nanos duration);
RUNTIME_API void sleep_until_monotonic(Nanos deadline);

}  // namespace detail

/// Waits for at least d; while the thread is idle, at most 1 ms longer.
///
/// Parks: until the time is over. A plain thread blocks in clock_nanosleep(2).
/// Throws: Error invalid_argument for a negative duration, time_disabled; Cancelled.
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> d) {
  detail::sleep_for_nanos(detail::to_nanos(d));
}

/// Waits until t. A time that has passed does not wait, but is a suspension point.
///
/// A std::chrono::steady_clock time is CLOCK_MONOTONIC; any other clock is asked again after each wait, so a clock that
/// was set meanwhile is obeyed.
/// Throws: as sleep_for().
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> t) {
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    detail::sleep_until_monotonic(detail::to_nanos(t.time_since_epoch()));
  } else {
    auto now = Clock::now();
    do {
      detail::sleep_for_nanos(now < t ? detail::to_nanos(t - now) : 0);
      now = Clock::now();
    } while (now < t);
  }
}

}  // namespace v1
}  // namespace runtime
