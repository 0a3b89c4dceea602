#pragma once

#include <chrono>
#include <cstdint>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/export.hpp>
#include <runtime/time/clock.hpp>

namespace runtime {
inline namespace v1 {
namespace time {

/// What an Interval does after tick() was called so late that ticks were missed: more than 5 ms after the one it returns.
enum class MissedTickBehavior : std::uint8_t {
  burst = 0,  // the missed ones come at once, one after the other, until the schedule is caught up with
  delay = 1,  // the next comes one period from now: the schedule moves
  skip = 2,   // the next is the first of the schedule that is still to come: the missed ones never come
};

/// Ticks, one each period, on time::Clock.
///
/// Movable, not copyable. Thread safety: one fiber or thread at a time; made and used in one runtime.
class RUNTIME_API Interval final {
 public:
  Interval(const Interval&) = delete;
  Interval& operator=(const Interval&) = delete;
  Interval(Interval&&) noexcept;
  Interval& operator=(Interval&&) noexcept;
  ~Interval();

  /// Waits for the next tick and gives the moment it was scheduled for, which may have passed.
  ///
  /// Parks: until that moment; also when it has passed, the others have their turn.
  /// Throws: Error time_disabled; Cancelled, and the tick is still to come.
  Clock::time_point tick();

  /// The next tick comes one period from now.
  void reset() noexcept;
  /// The next tick comes at once.
  void reset_immediately() noexcept;
  /// The next tick comes d from now. Throws: Error invalid_argument for a negative duration.
  template <class Rep, class Period>
  void reset_after(std::chrono::duration<Rep, Period> d) {
    reset_after_nanos(detail::to_nanos(d));
  }
  /// The next tick comes at t.
  template <class Duration>
  void reset_at(std::chrono::time_point<Clock, Duration> t) noexcept {
    next_ = detail::to_nanos(t.time_since_epoch());
  }

  Clock::duration period() const noexcept { return Clock::duration(period_); }
  /// burst, unless it was set.
  MissedTickBehavior missed_tick_behavior() const noexcept { return behavior_; }
  void set_missed_tick_behavior(MissedTickBehavior behavior) noexcept { behavior_ = behavior; }

 private:
  template <class Rep, class Period>
  friend Interval interval(std::chrono::duration<Rep, Period> period);
  template <class Duration, class Rep, class Period>
  friend Interval interval_at(std::chrono::time_point<Clock, Duration> start, std::chrono::duration<Rep, Period> period);
  explicit Interval(detail::Nanos period);
  Interval(detail::Nanos start, detail::Nanos period);
  void reset_after_nanos(detail::Nanos d);

  detail::Nanos next_;    // on Clock
  detail::Nanos period_;
  MissedTickBehavior behavior_ = MissedTickBehavior::burst;
};

/// Ticks at once, and then once each period.
///
/// Throws: Error invalid_argument for a period of zero or less, time_disabled.
template <class Rep, class Period>
Interval interval(std::chrono::duration<Rep, Period> period) {
  return Interval(detail::to_nanos(period));
}

/// Ticks at `start`, and then once each period. Throws: as interval().
template <class Duration, class Rep, class Period>
Interval interval_at(std::chrono::time_point<Clock, Duration> start, std::chrono::duration<Rep, Period> period) {
  return Interval(detail::to_nanos(start.time_since_epoch()), detail::to_nanos(period));
}

}  // namespace time
}  // namespace v1
}  // namespace runtime
