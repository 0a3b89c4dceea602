#pragma once

#include <time.h>

#include <cstdint>

namespace bench {

/// Time between two points of the program, in nanoseconds, as the given clock sees it.
///
/// Thread safety: one thread at a time.
template <clockid_t Clock>
class Stopwatch {
 public:
  void start() { clock_gettime(Clock, &start_); }
  void stop() { clock_gettime(Clock, &stop_); }

  double nanoseconds_per(std::uint64_t operations) const {
    const double elapsed = static_cast<double>(stop_.tv_sec - start_.tv_sec) * 1e9 +
                           static_cast<double>(stop_.tv_nsec - start_.tv_nsec);
    return elapsed / static_cast<double>(operations);
  }

 private:
  timespec start_{};
  timespec stop_{};
};

/// For work of one thread that never sleeps: what other programs take of the processor is not counted.
using CpuStopwatch = Stopwatch<CLOCK_THREAD_CPUTIME_ID>;

/// For one thread's work that the library may have helpers for, or that sleeps in between: only what is computed counts.
using ProcessStopwatch = Stopwatch<CLOCK_PROCESS_CPUTIME_ID>;

/// For work that several threads share, or that waits.
using WallStopwatch = Stopwatch<CLOCK_MONOTONIC>;

}  // namespace bench
