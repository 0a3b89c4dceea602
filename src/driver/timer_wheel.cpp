#include "driver/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace runtime::inline v1::driver {

void TimerWheel::arm(Timer& timer) noexcept {
  timer.order_ = armed_++;
  timer.armed_ = true;
  ++size_;
  place(timer);
}

void TimerWheel::disarm(Timer& timer) noexcept {
  if (!timer.armed_) return;
  --size_;
  if (timer.slot_ == Timer::kNoSlot) {
    leave_near(1);
    return near_.disarm(timer);
  }
  timer.armed_ = false;
  unlink(timer);
}

// A timer lies in the level of the highest digit in which its tick differs from now_, and there it is larger: so each
// level holds later ones than those below, and the first slot that is taken holds the earliest of its level.
void TimerWheel::place(Timer& timer) noexcept {
  const std::uint64_t tick = tick_of(timer.deadline_);
  if (tick <= now_) {
    __builtin_prefetch(&timer.task_);  // it is woken soon
    ++near_size_;
    near_latest_ = std::max(near_latest_, timer.deadline_);
    return near_.adopt(timer);
  }
  const int level = (std::bit_width(tick ^ now_) - 1) / kLevelBits;
  const int digit = static_cast<int>(tick >> (level * kLevelBits)) & (kSlots - 1);
  const int index = level * kSlots + digit;
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  timer.slot_ = static_cast<std::int16_t>(index);
  timer.back_ = nullptr;
  timer.sibling_ = slot.first;
  if (slot.first != nullptr) slot.first->back_ = &timer;
  slot.first = &timer;
  timer.child_ = std::exchange(slot.newest[slot.count++ % kAhead], &timer);
  slot.bound = std::min(slot.bound, timer.deadline_);
  slot.latest = std::max(slot.latest, timer.deadline_);
  slots_taken_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << digit;
  levels_ |= 1U << level;
}

void TimerWheel::unlink(Timer& timer) noexcept {
  const int index = timer.slot_;
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  (timer.back_ != nullptr ? timer.back_->sibling_ : slot.first) = timer.sibling_;
  if (timer.sibling_ != nullptr) timer.sibling_->back_ = timer.back_;
  timer.sibling_ = timer.back_ = timer.child_ = nullptr;
  timer.slot_ = Timer::kNoSlot;
  --slot.count;
  if (slot.first == nullptr) empty(index);
}

void TimerWheel::empty(int index) noexcept {
  const int level = index / kSlots;
  std::uint64_t& taken = slots_taken_[static_cast<std::size_t>(level)];
  slots_[static_cast<std::size_t>(index)] = Slot{};
  taken &= ~(std::uint64_t{1} << (index % kSlots));
  if (taken == 0) levels_ &= ~(1U << level);
}

// Some slot is taken.
int TimerWheel::first_slot() const noexcept {
  const int level = std::countr_zero(levels_);
  return level * kSlots + std::countr_zero(slots_taken_[static_cast<std::size_t>(level)]);
}

// The tick at which a slot begins: the digits of now_ above its level, its own, and zeros.
std::uint64_t TimerWheel::start_of(int index) const noexcept {
  const int shift = index / kSlots * kLevelBits;
  const std::uint64_t above = now_ >> shift >> kLevelBits << kLevelBits;
  return (above | static_cast<std::uint64_t>(index % kSlots)) << shift;
}

base::Nanos TimerWheel::earliest_bound() const noexcept {
  if (!near_.is_empty()) return near_.earliest();
  return levels_ != 0 ? slots_[static_cast<std::size_t>(first_slot())].bound : base::kForever;
}

// Those of the first one's tick, and as much of the next as the millisecond reaches into it, as if these were spread evenly.
TimerWheel::Near TimerWheel::near() const noexcept {
  if (is_empty() || (near_size_ == 0 && (levels_ & 1) == 0)) return {0, 0};
  const base::Nanos first = earliest_bound();
  const Slot* const own = near_size_ == 0 ? &slots_[static_cast<std::size_t>(first_slot())] : nullptr;
  const std::uint64_t tick = own != nullptr ? tick_of(first) : now_;
  std::size_t count = own != nullptr ? own->count : near_size_;
  base::Nanos latest = own != nullptr ? own->latest : near_latest_;
  const std::uint64_t next = (tick + 1) & (kSlots - 1);
  if (next != 0 && tick_of(first) == tick) {  // in this level; and the first is not overdue
    constexpr base::Nanos kTick = base::Nanos{1} << kTickBits;
    const Slot& slot = slots_[next];
    const std::size_t reached = slot.count * static_cast<std::size_t>(first & (kTick - 1)) >> kTickBits;
    if (reached > 0) latest = std::min(slot.latest, first + kTick);
    count += reached;
  }
  return {count, latest - first};
}

void TimerWheel::leave_near(std::size_t count) noexcept {
  near_size_ -= count;
  if (near_size_ == 0) near_latest_ = 0;
}

base::Nanos TimerWheel::earliest() const noexcept {
  if (!near_.is_empty() || levels_ == 0) return near_.earliest();
  base::Nanos earliest = base::kForever;
  for (const Timer* timer = slots_[static_cast<std::size_t>(first_slot())].first; timer != nullptr; timer = timer->sibling_) {
    earliest = std::min(earliest, timer->deadline_);
  }
  return earliest;
}

void TimerWheel::fire(base::Nanos now) noexcept {
  const std::uint64_t target = tick_of(now);
  while (levels_ != 0) {
    const int index = first_slot();
    const std::uint64_t start = start_of(index);
    if (start > target) break;
    Timer* timer = slots_[static_cast<std::size_t>(index)].first;
    empty(index);
    now_ = start;
    while (timer != nullptr) {
      Timer* const next = timer->sibling_;
      __builtin_prefetch(timer->child_);
      timer->sibling_ = timer->back_ = timer->child_ = nullptr;
      timer->slot_ = Timer::kNoSlot;
      place(*timer);
      timer = next;
    }
  }
  now_ = std::max(now_, target);
  const std::size_t fired = near_.fire(now);
  leave_near(fired);
  size_ -= fired;
}

}  // namespace runtime::inline v1::driver
