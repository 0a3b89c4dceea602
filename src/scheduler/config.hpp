#pragma once

#include <cstdint>
#include <optional>

#include "fiber/stack_pool.hpp"

namespace runtime::inline v1::scheduler {

/// Fixed once the runtime is built.
struct Config {
  std::uint32_t event_interval = 61;
  std::uint32_t global_queue_interval = 31;
  std::uint32_t coop_budget = 128;
  std::optional<std::uint64_t> rng_seed;  // none: a different one each time
  fiber::StackOptions stacks;
};

}  // namespace runtime::inline v1::scheduler
