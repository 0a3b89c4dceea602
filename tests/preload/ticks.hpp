#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace preload_test {

inline std::atomic<int> ticks = 0;         // of a fiber beside the one that makes a call
inline std::atomic<int> ticks_before = 0;  // when the call began

/// For another thread: until the ticker has gone on, or for so long that it is clear that it does not.
inline void wait_for_ticks(int count, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (ticks < ticks_before + count && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace preload_test
