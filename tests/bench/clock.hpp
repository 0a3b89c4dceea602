#pragma once

#include <time.h>

#include <cstdint>
#include <vector>

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

/// What one of `total` steps takes, made one after the other.
template <class Clock, class Step>
double nanoseconds_per_step(std::uint64_t total, Step step) {
  Clock stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < total; ++i) {
    step();
  }
  stopwatch.stop();
  return stopwatch.nanoseconds_per(total);
}

/// What one of `total` tasks takes from the first spawn to the last join. `spawn(i)` makes a Task, which has a join();
/// `all` is empty before and afterwards, and keeps its room.
template <class Clock, class Task, class Spawn>
double nanoseconds_per_task(std::vector<Task>& all, std::uint64_t total, Spawn spawn) {
  Clock stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < total; ++i) {
    all.push_back(spawn(i));
  }
  for (Task& task : all) {
    task.join();
  }
  stopwatch.stop();
  all.clear();
  return stopwatch.nanoseconds_per(total);
}

}  // namespace bench
