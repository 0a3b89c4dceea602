#pragma once

#include <chrono>
#include <thread>

namespace test {

/// Asks again and again, for as long as a busy machine may need; true as soon as the answer is.
///
/// For what another thread or the kernel does at a time that nobody can know. The calling thread sleeps in between, so
/// it is not for code on a fiber whose siblings have to run.
template <class Condition>
bool eventually(Condition condition, std::chrono::seconds limit = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return condition();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace test
