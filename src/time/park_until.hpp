#pragma once

#include "base/clock.hpp"
#include "context/context.hpp"
#include "driver/driver.hpp"
#include "driver/timer.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1::time {

enum class WaitEnd : unsigned char { done, cancelled, timed_out };

/// Parks the running task until done() is true, it is cancelled, or the deadline on its runtime's clock has come: in this
/// order when several are true at once but that cancellation comes first.
template <class Done>
WaitEnd park_until(task::Task& task, base::Nanos deadline, Done done) noexcept {
  if (deadline == base::kForever) {
    return task::park_until(task, done) == task::ParkEnd::done ? WaitEnd::done : WaitEnd::cancelled;
  }
  if (task::is_cancel_due(task)) {
    task::deliver_cancellation(task);
    return WaitEnd::cancelled;
  }
  if (done()) return WaitEnd::done;
  driver::Driver& driver = *context::of(task).driver;
  driver::Timer timer(task, deadline);
  task::Waiting waiting(task, task::WaitFor::timer);
  waiting.detail.deadline = deadline;
  driver.arm(timer);
  bool is_done = false;
  const auto end = task::park_until(task, [&] { return (is_done = done()) || timer.has_fired(); });
  driver.disarm(timer);
  if (end == task::ParkEnd::cancelled) return WaitEnd::cancelled;
  return is_done ? WaitEnd::done : WaitEnd::timed_out;
}

}  // namespace runtime::inline v1::time
