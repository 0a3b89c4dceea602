#pragma once

#include <cstdint>
#include <vector>

#include "clock.hpp"
#include "options.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "sleep_times.hpp"
#include "slices.hpp"
#include "yield_round.hpp"

// The figures of peers whose tasks are made one by one, `spawn(body)`, and have a join().
namespace bench {

template <class Spawn, class Yield>
void yield_figure(std::uint64_t tasks, std::uint64_t total, Spawn spawn, Yield yield) {
  const auto slice = [&] {
    YieldRound round(tasks, YieldRound::yields_each(tasks, total));
    round.run(spawn, yield);
    return round.nanoseconds_per_yield();
  };
  figure("peer", least(in_slices(slice)), "ns/yield");
}

/// Of a whole batch, the first one or those that come later.
template <class Spawn>
void joined_batch_figure(const Options& options, std::uint64_t tasks, Spawn spawn) {
  auto nothing = [] {};
  std::vector<decltype(spawn(nothing))> all;
  all.reserve(tasks);
  batch_figure(options, [&] {
    return nanoseconds_per_task<CpuStopwatch>(all, tasks, [&](std::uint64_t) { return spawn(nothing); });
  });
}

/// Of tasks that sleep once; a Sleeper is what one of them does, and is made of its time.
template <class Sleeper, class Spawn>
void sleep_figure(std::uint64_t tasks, Spawn spawn) {
  std::vector<Sleeper> sleepers;
  for (const auto time : sleep_times(tasks)) sleepers.push_back({time});
  std::vector<decltype(spawn(sleepers.front()))> all;
  all.reserve(tasks);
  const auto slice = [&] {
    return nanoseconds_per_task<ProcessStopwatch>(all, tasks, [&](std::uint64_t i) { return spawn(sleepers[i]); });
  };
  figure("peer", least_of_three(slice), "ns/sleep");
}

}  // namespace bench
