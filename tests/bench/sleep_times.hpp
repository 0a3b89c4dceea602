#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace bench {

/// How long each of so many sleepers sleeps: 500 to 1500 ms, the same in every run and for every runtime.
inline std::vector<std::chrono::microseconds> sleep_times(std::uint64_t sleepers) {
  std::mt19937 engine(1);
  std::vector<std::chrono::microseconds> times(sleepers);
  for (std::chrono::microseconds& time : times) {
    time = std::chrono::microseconds(500'000 + engine() % 1'000'000);
  }
  return times;
}

}  // namespace bench
