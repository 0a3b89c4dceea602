#pragma once

#include <cstdint>
#include <optional>

#include <runtime/unhandled_exception.hpp>

#include "fiber/stack_pool.hpp"
#include "metrics/histogram_scale.hpp"
#include "task/hook.hpp"

namespace runtime::inline v1::scheduler {

/// What the user wants to be told of tasks. Without any of it nothing is observed.
struct Observation {
  task::Hook on_spawn;
  task::Hook on_before_poll;
  task::Hook on_after_poll;
  task::Hook on_terminate;
  std::optional<metrics::HistogramScale> poll_time;
  std::optional<metrics::HistogramScale> schedule_latency;

  bool is_wanted() const noexcept {
    return on_spawn || on_before_poll || on_after_poll || on_terminate || poll_time || schedule_latency;
  }
};

/// Fixed once the runtime is built.
struct Config {
  std::uint32_t event_interval = 61;
  std::uint32_t global_queue_interval = 31;
  std::uint32_t coop_budget = 128;
  std::optional<std::uint64_t> rng_seed;  // none: a different one each time
  fiber::StackOptions stacks;
  UnhandledException unhandled = UnhandledException::report;
  task::Hook on_park;
  task::Hook on_unpark;
  Observation observation;
};

}  // namespace runtime::inline v1::scheduler
