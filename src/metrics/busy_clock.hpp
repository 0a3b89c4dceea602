#pragma once

#include <algorithm>
#include <atomic>

#include "base/clock.hpp"

namespace runtime::inline v1::metrics {

/// Adds up the time between start() and stop(); what has passed since the last start() is counted in at any moment.
///
/// One word holds both the sum and whether it runs, so that a reader never sees one without the other.
/// Thread safety: one thread starts and stops, any thread reads.
class BusyClock final {
 public:
  void start(base::Nanos now) noexcept { store(total(now) - now, true); }
  void stop(base::Nanos now) noexcept { store(total(now), false); }

  bool is_running() const noexcept { return is_running(word_.load(std::memory_order_relaxed)); }
  /// Another one after each start and stop.
  base::Nanos stamp() const noexcept { return word_.load(std::memory_order_relaxed); }

  /// Never less than what anybody has read before, though stop() may have looked at the clock before a reader that did not
  /// know of it yet.
  base::Nanos read() const noexcept {
    const base::Nanos word = word_.load(std::memory_order_acquire);  // before the clock; pairs with store()
    const base::Nanos sum = is_running(word) ? half(word) + base::monotonic_now() : half(word);
    base::Nanos most = most_read_.load(std::memory_order_relaxed);
    while (most < sum && !most_read_.compare_exchange_weak(most, sum, std::memory_order_relaxed)) {
    }
    return std::max(most, sum);
  }

 private:
  static bool is_running(base::Nanos word) noexcept { return (word & 1) != 0; }
  static base::Nanos half(base::Nanos word) noexcept { return word >> 1; }  // rounds down, also below zero
  base::Nanos total(base::Nanos now) const noexcept {
    const base::Nanos word = word_.load(std::memory_order_relaxed);
    return is_running(word) ? half(word) + now : half(word);
  }
  void store(base::Nanos nanos, bool running) noexcept {
    word_.store(nanos * 2 + (running ? 1 : 0), std::memory_order_release);
  }

  mutable std::atomic<base::Nanos> most_read_{0};
  std::atomic<base::Nanos> word_{0};  // twice the sum, less the start while it runs; lowest bit: it runs
};

}  // namespace runtime::inline v1::metrics
