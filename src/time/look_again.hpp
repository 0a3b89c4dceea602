#pragma once

#include "base/clock.hpp"
#include "context/context.hpp"
#include "driver/driver.hpp"
#include "driver/timer.hpp"

namespace runtime::inline v1::time {

/// For what the kernel does not report: wakes the task after a pause, whatever else it waits for, so that it can look.
/// The pause is real time: a paused clock that jumped from one look to the next would run away, and see nothing change.
///
/// Thread safety: the task's own. Borrows: the task.
class LookAgain final {
 public:
  LookAgain(task::Task& task, base::Nanos pause) noexcept
      : driver_(*context::of(task).driver), timer_(task, base::deadline_after(pause)) {
    driver_.arm_real(timer_);
  }
  LookAgain(const LookAgain&) = delete;
  LookAgain& operator=(const LookAgain&) = delete;
  ~LookAgain() { driver_.disarm_real(timer_); }

  bool is_due() const noexcept { return timer_.has_fired(); }

 private:
  driver::Driver& driver_;
  driver::Timer timer_;
};

}  // namespace runtime::inline v1::time
