#pragma once

#include <unistd.h>

#include <runtime/posix.h>

namespace runtime::preload {

/// Waiting for what nothing reports: by looking again, less and less often.
///
/// Thread safety: the fiber's own.
class Pauses final {
 public:
  /// Parks. False with ECANCELED when the fiber is cancelled.
  bool pause() noexcept {
    const useconds_t now = next_;
    if (next_ < kLongest) next_ *= 2;
    return runtime_usleep(now) == 0;
  }

 private:
  static constexpr useconds_t kLongest = 6400;  // microseconds
  useconds_t next_ = 50;
};

}  // namespace runtime::preload
