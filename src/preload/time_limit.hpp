#pragma once

#include <time.h>

#include <cstdint>
#include <limits>

namespace runtime::preload {

using Nanos = std::int64_t;

constexpr Nanos kForever = std::numeric_limits<Nanos>::max();
constexpr Nanos kNanosPerSecond = 1'000'000'000;

/// A time that the C library's timed waits take for one.
inline bool is_time(const timespec& time) noexcept { return time.tv_nsec >= 0 && time.tv_nsec < kNanosPerSecond; }

/// The end of a wait at a time of a clock, kept on the clock of the runtime, so that it is over when a paused clock has
/// come there. Who sets the realtime clock moves the end of waits by that clock.
class TimeLimit final {
 public:
  static TimeLimit none() noexcept { return TimeLimit(); }
  static TimeLimit at(clockid_t clock, const timespec& time) noexcept;

  /// What is left, 0 or less when it is over; kForever.
  Nanos left() noexcept;
  /// It has to be looked at now and then, as its clock may be set.
  bool may_jump() const noexcept { return follows_realtime_; }

 private:
  TimeLimit() noexcept = default;

  Nanos deadline_ = kForever;
  Nanos realtime_offset_ = 0;  // of the realtime clock to the monotonic one, when the deadline was reckoned
  bool follows_realtime_ = false;
};

}  // namespace runtime::preload
