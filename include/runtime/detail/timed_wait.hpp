#pragma once

#include <chrono>

#include <runtime/detail/duration.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// Calls wait(nanoseconds) until it answers true or that clock has reached t: a clock that is set meanwhile, or that
/// stands still, is obeyed. At least one call, so a time that has passed is a wait, too.
template <class Clock, class Duration, class Wait>
bool wait_until(const std::chrono::time_point<Clock, Duration>& t, Wait wait) {
  for (;;) {
    const auto now = Clock::now();
    if (wait(now < t ? to_nanos(t - now) : 0)) return true;
    if (Clock::now() >= t) return false;
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace runtime
