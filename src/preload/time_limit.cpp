#include "preload/time_limit.hpp"

#include <cstdlib>

#include <runtime/time/clock.hpp>

namespace runtime::preload {
namespace {

Nanos read_clock(clockid_t clock) noexcept {
  timespec time;
  ::clock_gettime(clock, &time);
  return time.tv_sec * kNanosPerSecond + time.tv_nsec;
}

Nanos realtime_offset() noexcept { return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC); }

Nanos runtime_now() noexcept { return time::Clock::now().time_since_epoch().count(); }

// Two readings of an offset differ by the time between the two clocks' readings, a preemption included.
constexpr Nanos kJump = 50'000'000;

}  // namespace

TimeLimit TimeLimit::at(clockid_t clock, const timespec& time) noexcept {
  TimeLimit limit;
  const Nanos clock_now = read_clock(clock);
  const Nanos now = runtime_now();
  // Far beyond all that happens, and yet far from where sums overflow.
  constexpr Nanos kFar = kForever / 4;
  const Nanos end = time.tv_sec >= kFar / kNanosPerSecond ? kFar : time.tv_sec * kNanosPerSecond + time.tv_nsec;
  limit.deadline_ = time.tv_sec < 0 ? now : now + (end - clock_now);
  limit.follows_realtime_ = clock == CLOCK_REALTIME;
  if (limit.follows_realtime_) limit.realtime_offset_ = realtime_offset();
  return limit;
}

Nanos TimeLimit::left() noexcept {
  if (deadline_ == kForever) return kForever;
  if (follows_realtime_) {
    const Nanos offset = realtime_offset();
    if (std::abs(offset - realtime_offset_) >= kJump) {
      deadline_ -= offset - realtime_offset_;
      realtime_offset_ = offset;
    }
  }
  return deadline_ - runtime_now();
}

}  // namespace runtime::preload
