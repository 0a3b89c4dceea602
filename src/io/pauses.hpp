#pragma once

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "io/wait.hpp"

namespace runtime::inline v1::io {

/// How long to let pass before looking again at what the kernel reports no readiness of: each time a little more, so
/// that what comes soon is found soon, and a long wait costs little.
///
/// Thread safety: the caller's own.
class Pauses final {
 public:
  /// Of the next one: at most 8 ms.
  base::Nanos next_length() noexcept {
    constexpr base::Nanos kShortest = 250'000;
    constexpr base::Nanos kLongest = 8'000'000;
    return length_ = std::clamp(2 * length_, kShortest, kLongest);
  }
  /// The next one, of a fiber. Parks: at most until the deadline.
  WaitEnd next(base::Nanos deadline) noexcept { return io::pause(next_length(), deadline); }
  /// The same without a deadline. False with ECANCELED.
  bool pause() noexcept {
    if (next(base::kForever) != WaitEnd::cancelled) return true;
    errno = ECANCELED;
    return false;
  }
  bool is_first() const noexcept { return length_ == 0; }

 private:
  base::Nanos length_ = 0;  // of the last one
};

}  // namespace runtime::inline v1::io
