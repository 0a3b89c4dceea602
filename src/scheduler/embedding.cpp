#include <algorithm>

#include "scheduler/current_thread.hpp"

// Driven by a loop that is not ours: between its calls nobody runs our loop, and the driver's descriptor has to say that
// there is work.

namespace runtime::inline v1::scheduler {

std::size_t CurrentThread::run_pass() noexcept {
  RUNTIME_ASSERT(has_root());
  const std::uint64_t mark = run_queue_.mark();
  driver_.look();
  run_queue_.put_yielded_behind(mark);
  after_look();
  const bool may_jump = driver_.clock.is_paused() && !context::has_blocking_work(context_);
  take_injected();
  if (may_jump && run_queue_.is_empty()) driver_.jump();
  // Whoever becomes ready from here on waits for the next pass: the loop around us has work of its own.
  const std::uint64_t before = turns_.read();
  begin_round(before + run_queue_.depth());
  run_ready();
  end_round();
  context_.pool->wake_now();
  return static_cast<std::size_t>(turns_.read() - before);
}

int CurrentThread::embed() noexcept {
  if (!is_embedded_) {
    is_embedded_ = true;
    if (!has_root()) leave_to_outer_loop();
  }
  return driver_.fd();
}

base::Nanos CurrentThread::time_left() const noexcept {
  // A paused clock jumps in the next pass.
  if (driver_.clock.is_paused() && driver_.earliest() != base::kForever && !context::has_blocking_work(context_)) return 0;
  const base::Nanos deadline = driver_.next_alarm();
  return deadline == base::kForever ? base::kForever : std::max<base::Nanos>(0, deadline - base::monotonic_now());
}

// From here to the next call of ours, whoever makes a task ready rings.
void CurrentThread::leave_to_outer_loop() noexcept {
  is_rousable_ = true;
  driver_.begin_absence();
  if (!run_queue_.is_empty() || !has_nothing_from_others()) driver_.unpark();
  if (!driver_.clock.is_paused() || driver_.earliest() == base::kForever) return;
  // Whether now or when the pool has done its work: the next pass lets the paused clock jump.
  absence_bell_.emplace(context_);
  if (absence_bell_->listen()) driver_.unpark();
}

[[gnu::noinline]] void CurrentThread::rouse_now() noexcept {
  if (asleep_in_ != nullptr) {
    task::wake(*asleep_in_);
  } else {
    driver_.unpark();
  }
}

}  // namespace runtime::inline v1::scheduler
