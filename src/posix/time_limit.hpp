#pragma once

#include <cerrno>
#include <ctime>

#include "base/clock.hpp"

namespace runtime::inline v1::posix {

inline constexpr base::Nanos kSecond = 1'000'000'000;

/// A time that is one: no negative part, and less than a second of nanoseconds.
inline bool is_valid(const timespec& time) noexcept {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < kSecond;
}

/// kForever for what does not fit.
inline base::Nanos nanos_of(const timespec& time) noexcept {
  if (time.tv_sec >= base::kForever / kSecond) return base::kForever;
  return time.tv_sec * kSecond + time.tv_nsec;
}

/// The limit of ppoll() and its like, of which null is none. False with EINVAL: it is no time.
inline bool read_limit(const timespec* time, base::Nanos& limit) noexcept {
  if (time != nullptr && !is_valid(*time)) {
    errno = EINVAL;
    return false;
  }
  limit = time == nullptr ? base::kForever : nanos_of(*time);
  return true;
}

}  // namespace runtime::inline v1::posix
