#pragma once

#include <chrono>
#include <type_traits>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/export.hpp>
#include <runtime/time/clock.hpp>
#include <runtime/time/interval.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

RUNTIME_API void sleep_for_nanos(Nanos duration);
RUNTIME_API void sleep_until_monotonic(Nanos deadline);
RUNTIME_API void sleep_until_nanos(Nanos deadline);  // on time::Clock
/// False on a fiber whose runtime's clock is, or has been, paused.
RUNTIME_API bool lives_in_real_time() noexcept;

}  // namespace detail

/// Waits for at least d; while the thread is idle, at most 1 ms longer. On a fiber d is counted by time::Clock.
///
/// Where several waits of a runtime are due in the same millisecond, its idle thread may sleep 20 microseconds longer for
/// each of them, 0.9 milliseconds at most, so that they share wake-ups: one wait is as exact as the kernel is.
///
/// Parks: until the time is over. A plain thread blocks in clock_nanosleep(2).
/// Throws: Error invalid_argument for a negative duration, time_disabled; Cancelled.
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> d) {
  detail::sleep_for_nanos(detail::to_nanos(d));
}

/// Waits until t. A time that has passed does not wait, but is a suspension point.
///
/// time::Clock is the runtime's own, and std::chrono::steady_clock is CLOCK_MONOTONIC. Any other clock is asked again
/// after each wait, so a clock that was set meanwhile is obeyed. Where the runtime's clock is paused, or once was, what
/// is left until t by t's clock is waited for on the runtime's, once.
///
/// Throws: as sleep_for().
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> t) {
  if constexpr (std::is_same_v<Clock, time::Clock>) {
    detail::sleep_until_nanos(detail::to_nanos(t.time_since_epoch()));
  } else if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    detail::sleep_until_monotonic(detail::to_nanos(t.time_since_epoch()));
  } else {
    auto now = Clock::now();
    do {
      detail::sleep_for_nanos(now < t ? detail::to_nanos(t - now) : 0);
      now = Clock::now();
    } while (now < t && detail::lives_in_real_time());
  }
}

}  // namespace v1
}  // namespace runtime
