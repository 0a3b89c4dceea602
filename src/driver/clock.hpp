#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace runtime::inline v1::driver {

/// The time of one runtime: CLOCK_MONOTONIC until somebody pauses it. A paused clock stands still and is moved by hand;
/// once resumed it goes on from there, so it may be behind or ahead of CLOCK_MONOTONIC for ever after.
///
/// Thread safety: owner thread, except what says any thread.
class Clock final {
 public:
  /// Never goes back, also as seen by a thread that asks while the clock is paused or resumed. Any thread.
  base::Nanos now() const noexcept {
    for (;;) {
      const std::uint32_t state = state_.load(std::memory_order_acquire);
      const base::Nanos moment = (state & kPaused) != 0
                                     ? frozen_.load(std::memory_order_acquire)
                                     : sum(offset_.load(std::memory_order_acquire), base::monotonic_now());
      // What was read belongs together only if nothing has changed since.
      if ((state & kChanging) == 0 && state_.load(std::memory_order_acquire) == state) return moment;
    }
  }
  /// Any thread.
  bool is_paused() const noexcept { return (state_.load(std::memory_order_acquire) & kPaused) != 0; }
  /// True until the first pause: the clock is CLOCK_MONOTONIC. Any thread.
  bool is_real() const noexcept { return state_.load(std::memory_order_acquire) == 0; }

  /// Of a moment of this clock on CLOCK_MONOTONIC; kForever while paused, when no real time brings it nearer.
  base::Nanos to_monotonic(base::Nanos moment) const noexcept;
  /// Of a moment on CLOCK_MONOTONIC on this clock: as far from now as it is there. Any thread.
  base::Nanos from_monotonic(base::Nanos moment) const noexcept;
  /// Now + duration; a duration too long to add never ends. Any thread.
  base::Nanos deadline_after(base::Nanos duration) const noexcept { return sum(now(), duration); }

  void pause() noexcept;   // not while paused
  void resume() noexcept;  // while paused
  /// While paused. A moment that has passed changes nothing.
  void advance_to(base::Nanos moment) noexcept;

 private:
  // Bits of state_; what is above them counts the changes, so that a reader sees that one happened.
  static constexpr std::uint32_t kChanging = 1;
  static constexpr std::uint32_t kPaused = 2;
  static constexpr std::uint32_t kOne = 4;

  static base::Nanos sum(base::Nanos a, base::Nanos b) noexcept {
    base::Nanos result;
    return __builtin_add_overflow(a, b, &result) ? base::kForever : result;
  }
  void begin_change() noexcept;
  void end_change(bool paused) noexcept;

  std::atomic<std::uint32_t> state_{0};
  std::atomic<base::Nanos> offset_{0};  // while running: now is CLOCK_MONOTONIC + offset_
  std::atomic<base::Nanos> frozen_{0};  // while paused: now
};

}  // namespace runtime::inline v1::driver
