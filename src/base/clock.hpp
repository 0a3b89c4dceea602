#pragma once

#include <cstdint>
#include <ctime>
#include <limits>

namespace runtime::inline v1::base {

/// Nanoseconds: a duration, or a moment on CLOCK_MONOTONIC.
using Nanos = std::int64_t;

/// The deadline of a wait without one.
inline constexpr Nanos kForever = std::numeric_limits<Nanos>::max();

inline Nanos monotonic_now() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Nanos{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Begin + duration; a duration too long to add never ends.
inline Nanos deadline_after(Nanos begin, Nanos duration) noexcept {
  return duration >= kForever - begin ? kForever : begin + duration;
}
inline Nanos deadline_after(Nanos duration) noexcept { return deadline_after(monotonic_now(), duration); }

inline timespec to_timespec(Nanos nanos) noexcept {
  return timespec{static_cast<time_t>(nanos / 1'000'000'000), static_cast<long>(nanos % 1'000'000'000)};
}

}  // namespace runtime::inline v1::base
