#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include <runtime/runtime.hpp>

#include "clock.hpp"
#include "memory.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace bench::growth {

using Milliseconds = std::vector<std::chrono::milliseconds>;

inline Milliseconds random_delays(std::uint64_t count, std::chrono::milliseconds least, std::chrono::milliseconds most,
                                  std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::chrono::milliseconds::rep> pick(least.count(), most.count());
  Milliseconds delays(count);
  for (std::chrono::milliseconds& delay : delays) {
    delay = std::chrono::milliseconds(pick(random));
  }
  return delays;
}

/// N tasks asleep for one to two hours; they outlive the measurement. Returns what each has added to the process.
inline double spawn_sleepers(std::uint64_t tasks) {
  const Milliseconds delays = random_delays(tasks, std::chrono::hours(1), std::chrono::hours(2), 1);
  const Memory before = Memory::now();
  std::uint64_t asleep = 0;
  for (const std::chrono::milliseconds delay : delays) {
    (void)runtime::spawn_local([delay, &asleep] {
      ++asleep;
      runtime::sleep_for(delay);
    });
  }
  runtime::spawn_local([] {}).join();
  const Memory after = Memory::now();
  if (asleep != tasks) {
    throw std::runtime_error("not every task is asleep");
  }
  return (grown(before.resident, after.resident) + grown(before.page_tables, after.page_tables)) /
         static_cast<double>(tasks);
}

/// N timers are armed; another is, among them, and is disarmed again: a time limit that was not needed.
inline double arm_and_cancel(const Milliseconds& delays) {
  std::uint64_t bodies = 0;
  CpuStopwatch stopwatch;
  stopwatch.start();
  for (const std::chrono::milliseconds delay : delays) {
    runtime::timeout(delay, [&bodies] { ++bodies; });
  }
  stopwatch.stop();
  if (bodies != delays.size()) {
    throw std::runtime_error("a body under a time limit did not run");
  }
  return stopwatch.nanoseconds_per(delays.size());
}

/// N timers are armed; short sleeps are spawned, armed, fired and joined. The thread sleeps between them, which costs
/// no processor time but that of going to sleep.
inline double arm_and_fire(const Milliseconds& delays) {
  std::vector<runtime::JoinHandle<void>> handles;
  handles.reserve(delays.size());
  return nanoseconds_per_task<CpuStopwatch>(handles, delays.size(), [&delays](std::uint64_t i) {
    return runtime::spawn_local([delay = delays[i]] { runtime::sleep_for(delay); });
  });
}

inline void timer(std::uint64_t sleepers, std::uint64_t total) {
  const double bytes_each = spawn_sleepers(sleepers);
  const Milliseconds limits = random_delays(total, std::chrono::hours(1), std::chrono::hours(2), 2);
  // 10,000 of them in 50 ms: several are due whenever the thread wakes, as in a program with many timers.
  const Milliseconds naps = random_delays(10'000, std::chrono::milliseconds(1), std::chrono::milliseconds(50), 3);
  figure("ours", least(in_slices([&] { return arm_and_cancel(limits); })), "ns/timer");
  figure("fire", least(in_slices([&] { return arm_and_fire(naps); })), "ns/sleep");
  figure("memory", bytes_each, "B/task");
}

}  // namespace bench::growth
