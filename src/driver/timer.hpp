#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "task/cancel_scope.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::driver {

class TimerHeap;
class TimerWheel;

/// Wakes one task at one moment. Lives in the frame of whoever sleeps, so arming needs no memory.
///
/// Thread safety: owner thread. Borrows: the task. Must be disarmed, or have fired, before it goes.
class Timer final {
 public:
  /// With a scope, this is cancelled instead, which wakes the task, too.
  Timer(task::Task& task, base::Nanos deadline, task::CancelScope* scope = nullptr) noexcept
      : task_(task), scope_(scope), deadline_(deadline) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool has_fired() const noexcept { return fired_; }

 private:
  friend class TimerHeap;
  friend class TimerWheel;

  bool is_before(const Timer& other) const noexcept {
    return deadline_ != other.deadline_ ? deadline_ < other.deadline_ : order_ < other.order_;
  }

  task::Task& task_;
  task::CancelScope* const scope_;
  base::Nanos deadline_;
  std::uint64_t order_ = 0;   // of arming: equal deadlines fire first come, first served
  Timer* child_ = nullptr;    // the heap: first child, next sibling, and back to the previous one or the parent;
                              // a slot of the wheel: next and previous are sibling and back, child is a hint
  Timer* sibling_ = nullptr;
  Timer* back_ = nullptr;
  bool armed_ = false;
  bool fired_ = false;
  std::int16_t slot_ = kNoSlot;  // of the wheel

  static constexpr std::int16_t kNoSlot = -1;
};

/// The armed timers, earliest first: a pairing heap through the timers themselves.
///
/// Arming is constant time, taking the earliest and disarming logarithmic on average; nothing allocates, so no wait can
/// fail for want of memory. See: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", Algorithmica 1 (1986).
/// Thread safety: owner thread. Borrows: the timers.
class TimerHeap final {
 public:
  void arm(Timer& timer) noexcept;
  void disarm(Timer& timer) noexcept;
  /// One that has been armed elsewhere before, and keeps its place among equal deadlines.
  void adopt(Timer& timer) noexcept { root_ = meld(root_, &timer); }

  /// kForever if there is none.
  base::Nanos earliest() const noexcept { return root_ != nullptr ? root_->deadline_ : base::kForever; }
  bool is_empty() const noexcept { return root_ == nullptr; }

  /// Wakes the tasks of every timer that is due at `now`, in order. How many there were.
  std::size_t fire(base::Nanos now) noexcept;

 private:
  static Timer* meld(Timer* a, Timer* b) noexcept;
  static Timer* meld_siblings(Timer* first) noexcept;

  Timer* root_ = nullptr;
  std::uint64_t armed_ = 0;  // ever
};

}  // namespace runtime::inline v1::driver
