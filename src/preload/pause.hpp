#pragma once

#include <sched.h>

#include <chrono>
#include <cstdint>

#include <runtime/scope.hpp>
#include <runtime/time.hpp>

namespace runtime::preload {

/// Parks the fiber for so many nanoseconds, cancelled or not: for what nobody tells us of, and C code cannot give up.
inline void pause(std::int64_t nanoseconds) noexcept {
  try {
    runtime::shield([nanoseconds] { runtime::sleep_for(std::chrono::nanoseconds(nanoseconds)); });
  } catch (...) {
    ::sched_yield();  // a runtime without timers: other threads at least have their turn
  }
}

}  // namespace runtime::preload
