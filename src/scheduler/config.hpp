#pragma once

#include <cstdint>

#include "fiber/stack_pool.hpp"

namespace runtime::inline v1::scheduler {

/// Fixed once the runtime is built.
struct Config {
  std::uint32_t event_interval = 61;
  std::uint32_t global_queue_interval = 31;
  fiber::StackOptions stacks;
};

}  // namespace runtime::inline v1::scheduler
