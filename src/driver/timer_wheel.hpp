#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "driver/timer.hpp"

namespace runtime::inline v1::driver {

/// The armed timers of a runtime, earliest first, a hundred thousand as well as one.
///
/// What is due within about a millisecond is in a heap, which keeps the order. What is due later lies unordered in the
/// slots of a wheel and comes nearer as time goes on: eight levels of 64 slots, each level's slots 64 times as long as
/// those of the one below. So a timer is touched when it is armed, once or twice on its way, and when it fires, wherever
/// a large heap would touch dozens of others, each on another stack. Nothing allocates.
/// See: Varghese, Lauck, "Hashed and hierarchical timing wheels" (1987), scheme 7; Tokio's wheel, whose levels are these.
/// Thread safety: owner thread. Borrows: the timers.
class TimerWheel final {
 public:
  void arm(Timer& timer) noexcept;
  void disarm(Timer& timer) noexcept;

  bool is_empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  /// Those that are due within a millisecond from the first on, as far as the slots tell.
  struct Near {
    std::size_t count;  ///< it may be none while the first is far away
    base::Nanos span;   ///< from the first to the last of them, or more where some were disarmed
  };
  Near near() const noexcept;

  /// No timer is due before; kForever if there is none. When timers were disarmed, the first may be due later.
  base::Nanos earliest_bound() const noexcept;
  /// The deadline of the first. Looks at each timer of a slot.
  base::Nanos earliest() const noexcept;

  /// Wakes the tasks of every timer that is due at `now`, in order.
  void fire(base::Nanos now) noexcept;

 private:
  // Each timer is on a stack of its own, so following their links would cost a cache miss for each, one after the other.
  // So each knows one that was there before it, the eighth if none was disarmed, if only to have it fetched: that one may
  // be gone by then.
  static constexpr std::size_t kAhead = 8;
  struct alignas(64) Slot {
    Timer* first = nullptr;
    base::Nanos bound = base::kForever;  // no timer of it is due before
    base::Nanos latest = 0;              // nor one after
    std::size_t count = 0;
    std::array<Timer*, kAhead> newest{};  // each at its number, so after disarming some are older
  };

  static constexpr int kTickBits = 20;  // 2^20 ns
  static constexpr int kLevelBits = 6;
  static constexpr int kSlots = 1 << kLevelBits;
  static constexpr int kLevels = 8;  // 20 + 8 * 6 bits are more than a deadline has

  static std::uint64_t tick_of(base::Nanos deadline) noexcept {
    return static_cast<std::uint64_t>(deadline < 0 ? 0 : deadline) >> kTickBits;
  }
  void place(Timer& timer) noexcept;
  void unlink(Timer& timer) noexcept;
  void leave_near(std::size_t count) noexcept;
  void empty(int index) noexcept;
  int first_slot() const noexcept;
  std::uint64_t start_of(int index) const noexcept;

  TimerHeap near_;             // ticks up to now_
  std::size_t near_size_ = 0;
  base::Nanos near_latest_ = 0;  // none of them is due after
  std::uint64_t now_ = 0;      // the tick up to which slots have been emptied
  std::uint64_t armed_ = 0;    // ever
  std::size_t size_ = 0;
  std::uint32_t levels_ = 0;   // a bit for each that is not empty
  std::array<std::uint64_t, kLevels> slots_taken_{};  // a bit for each slot that is not empty
  std::array<Slot, kLevels * kSlots> slots_{};
};

}  // namespace runtime::inline v1::driver
