#include "driver/clock.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace runtime::inline v1::driver {

base::Nanos Clock::to_monotonic(base::Nanos moment) const noexcept {
  if (moment == base::kForever || is_paused()) return base::kForever;
  base::Nanos result;
  const bool is_too_late = __builtin_sub_overflow(moment, offset_.load(std::memory_order_relaxed), &result);
  return is_too_late ? base::kForever : result;
}

base::Nanos Clock::from_monotonic(base::Nanos moment) const noexcept {
  if (moment == base::kForever || is_real()) return moment;
  return sum(now(), moment - base::monotonic_now());
}

void Clock::pause() noexcept {
  RUNTIME_ASSERT(!is_paused());
  begin_change();  // first: a thread that has asked the kernel before has asked before we do
  frozen_.store(sum(offset_.load(std::memory_order_relaxed), base::monotonic_now()), std::memory_order_release);
  end_change(true);
}

void Clock::resume() noexcept {
  RUNTIME_ASSERT(is_paused());
  begin_change();
  offset_.store(frozen_.load(std::memory_order_relaxed) - base::monotonic_now(), std::memory_order_release);
  end_change(false);
}

void Clock::advance_to(base::Nanos moment) noexcept {
  RUNTIME_ASSERT(is_paused());
  // The end of time stays ahead: a deadline there never comes.
  moment = std::min(moment, base::kForever - 1);
  if (moment > frozen_.load(std::memory_order_relaxed)) frozen_.store(moment, std::memory_order_release);
}

void Clock::begin_change() noexcept {
  state_.store(state_.load(std::memory_order_relaxed) | kChanging, std::memory_order_seq_cst);
}

void Clock::end_change(bool paused) noexcept {
  const std::uint32_t count = (state_.load(std::memory_order_relaxed) & ~(kChanging | kPaused)) + kOne;
  // Zero means "never changed", and does not come again.
  state_.store((count != 0 ? count : kOne) | (paused ? kPaused : 0), std::memory_order_release);
}

}  // namespace runtime::inline v1::driver
