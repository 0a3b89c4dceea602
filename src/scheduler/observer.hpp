#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "metrics/histogram.hpp"
#include "scheduler/config.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::scheduler {

/// Since when a task is ready: lies in the tail of each cell while schedule latency is measured, and only then.
struct Readiness {
  base::Nanos since = 0;                      // owner thread
  std::atomic<base::Nanos> injected{0};       // by whoever has put it into the inject queue, before; then the owner's
};

/// What the scheduler keeps while somebody observes its tasks.
///
/// Thread safety: owner thread, except the hooks and what is constant.
struct Observer {
  explicit Observer(const Observation& observation) : hooks(observation) {
    if (observation.poll_time) poll_time.emplace(*observation.poll_time);
    if (observation.schedule_latency) schedule_latency.emplace(*observation.schedule_latency);
  }

  const Observation hooks;
  std::optional<metrics::Histogram> poll_time;
  std::optional<metrics::Histogram> schedule_latency;

  bool is_handed_out = false;        // a task has been picked, and its fiber has not come back yet
  task::Task* resumed = nullptr;     // what was handed out last, until it has been accounted for; holds a reference
  task::Task* ending = nullptr;      // stands on its fiber just before its end, and wants that to be told
  std::uint64_t next_injected = 0;   // the turn that belongs to the inject queue
  base::Nanos latency = task::kNoLatency;  // of `resumed`
  base::Nanos resumed_at = 0;
};

}  // namespace runtime::inline v1::scheduler
