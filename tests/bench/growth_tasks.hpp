#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include <runtime/runtime.hpp>

#include "clock.hpp"
#include "growth_parked.hpp"
#include "memory.hpp"
#include "report.hpp"
#include "slices.hpp"
#include "yield_round.hpp"

// What one operation costs while N tasks are alive. Each function runs in a task and prints its figures.
namespace bench::growth {

/// All N are ready, and give way in turn.
inline void yield(std::uint64_t tasks, std::uint64_t total) {
  const std::uint64_t each = YieldRound::yields_each(tasks, total);
  const Slices slices = in_slices([&] {
    YieldRound round(tasks, each);
    round.run([](auto& body) { return runtime::spawn_local(body); }, [] { runtime::yield_now(); });
    return round.nanoseconds_per_yield();
  });
  figure("ours", least(slices), "ns/yield");
}

/// One slice of waking, the tasks in the order given, from where the slice before it has stopped.
inline double wake_slice(Parked& parked, const std::vector<std::uint32_t>& order, std::uint64_t& next,
                         std::uint64_t total) {
  const std::uint64_t before = parked.turns();
  CpuStopwatch stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < total; ++i) {
    parked.wake(order[next]);
    next = next + 1 == order.size() ? 0 : next + 1;
  }
  stopwatch.stop();
  if (parked.turns() - before != total) {
    throw std::runtime_error("a wake was not one turn of one task");
  }
  return stopwatch.nanoseconds_per(total);
}

/// N are parked; one is woken, runs and parks again: in the order in which they were made, and in random order.
inline void wake(std::uint64_t tasks, std::uint64_t total) {
  Parked parked(tasks);
  std::vector<std::uint32_t> order(tasks);
  std::iota(order.begin(), order.end(), 0U);
  std::uint64_t next = 0;
  const auto slices = [&] { return in_slices([&] { return wake_slice(parked, order, next, total); }); };
  const double in_order = least(slices());
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  next = 0;
  figure("ours", least(slices()), "ns/wake");
  figure("in_order", in_order, "ns/wake");
  parked.memory_figure();
}

/// N are parked; an empty one is spawned and joined.
inline void spawn(std::uint64_t tasks, std::uint64_t total) {
  const Parked parked(tasks);
  const Slices slices = in_slices([total] {
    CpuStopwatch stopwatch;
    stopwatch.start();
    for (std::uint64_t i = 0; i < total; ++i) {
      runtime::spawn_local([] {}).join();
    }
    stopwatch.stop();
    return stopwatch.nanoseconds_per(total);
  });
  figure("ours", least(slices), "ns/task");
  parked.memory_figure();
}

/// N are parked; all are dumped at once, so few dumps of many are as much work as many of few.
inline void dump(std::uint64_t tasks, std::uint64_t total) {
  const Parked parked(tasks);
  const std::uint64_t dumps = std::max<std::uint64_t>(1, total / tasks);
  const runtime::Handle handle = runtime::Handle::current();
  double bytes = 0;
  const Slices slices = in_slices([&] {
    const Memory before = Memory::now();
    CpuStopwatch stopwatch;
    stopwatch.start();
    for (std::uint64_t i = 0; i + 1 < dumps; ++i) {
      (void)handle.dump();
    }
    const runtime::Dump last = handle.dump();
    stopwatch.stop();
    if (last.size() < tasks) {
      throw std::runtime_error("a task is missing in the dump");
    }
    // Only the first slice finds no memory that another has given back.
    bytes = std::max(bytes, grown(before.resident, Memory::now().resident));
    return stopwatch.nanoseconds_per(dumps * tasks);
  });
  figure("ours", least(slices), "ns/task");
  figure("dump_memory", bytes / static_cast<double>(tasks), "B/task");
  parked.memory_figure();
}

}  // namespace bench::growth
