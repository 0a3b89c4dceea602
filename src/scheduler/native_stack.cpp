#include <algorithm>
#include <exception>
#include <utility>

#include "base/assert.hpp"
#include "base/system_error.hpp"
#include "driver/timer.hpp"
#include "fiber/companion.hpp"
#include "scheduler/current_thread.hpp"
#include "task/current.hpp"
#include "task/join.hpp"
#include "task/locals.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

// What happens on the stack that called block_on: the root, and the loop above it whenever the root waits.

namespace runtime::inline v1::scheduler {

using task::Kind;
using task::Phase;
using task::Task;
using task::thread_state;

// The loop. -------------------------------------------------------------------------------------------------------------

// Runs everything else until the waiter, whose code is below us on this stack, is ready and has its turn.
void CurrentThread::drive(Task& waiter) noexcept {
  const base::ErrnoKeeper keeper;
  const fiber::Looping looping(native_);
  for (;;) {
    if (outer_ != nullptr) pass_on_cancellation();
    run_ready();
    if (look_due_) look_at_driver();
    if (waiter.phase == Phase::ready) break;
    if (run_queue_.is_empty() && inject_queue_.is_empty()) sleep(waiter);
  }
  waiter.phase = Phase::running;
  thread_state.running = &waiter;
}

// Until nothing is ready or it is time to look at the driver. Fibers switch among themselves meanwhile.
void CurrentThread::run_ready() noexcept {
  thread_state.running = nullptr;
  for (Task* next = pick_from_native(); next != nullptr;) next = resume(*next);
  if (RUNTIME_UNLIKELY(stacks_.is_untidy() || reaper_stacks_.is_untidy() || !other_stacks_.empty())) tidy_stacks();
}

// Who goes on next; null: nobody, or it is time to look at the driver.
Task* CurrentThread::resume(Task& task) noexcept {
  if (task.fiber == nullptr && take_warm_for(task) == nullptr && !find_stack(task)) {
    destroy_unstarted(task);
    return pick_from_native();
  }
  task.phase = Phase::running;
  thread_state.running = &task;
  fiber::enter(native_, *task.fiber, words_);
  thread_state.running = nullptr;
  Task* const next = std::exchange(handed_back_, nullptr);
  // A fiber that hands nobody back has looked itself, unless it came to have the observer's hooks run.
  return RUNTIME_UNLIKELY(observer_ != nullptr) && next == nullptr ? pick_from_native() : next;
}

void CurrentThread::look_at_driver() noexcept {
  const std::uint64_t mark = run_queue_.mark();
  driver_.poll();
  run_queue_.put_yielded_behind(mark);
  after_look();
}

void CurrentThread::sleep(const Task& waiter) noexcept {
  run_hook(config_.on_park, "on_thread_park");  // may have made somebody ready
  context_.pool->wake_now();
  if (RUNTIME_UNLIKELY(driver_.clock.is_paused())) {
    sleep_paused(waiter);
  } else {
    sleep_until_news(waiter);
  }
  after_look();
  if (is_asleep_) wakes_up();
  run_hook(config_.on_unpark, "on_thread_unpark");
}

void CurrentThread::falls_asleep() noexcept {
  const std::uint64_t resumes = turns_.read() - root_yields_.read();
  if (std::exchange(resumes_at_sleep_, resumes) == resumes) sleeps_for_nothing_.add(1);
  sleeps_and_wakes_.add(1);
  busy_.stop(base::monotonic_now());
  is_asleep_ = true;
}

// After after_look(), which has looked at the clock.
void CurrentThread::wakes_up() noexcept {
  is_asleep_ = false;
  busy_.start(coarse_now_);
  sleeps_and_wakes_.add(1);
}

// An unhandled exception is to end the runtime: block_on is cancelled, and shuts it down on its way out. Any thread.
void CurrentThread::stop_root() noexcept {
  root_.abort();
  if (!is_owner()) return;
  next_look_ = turns_.read();  // back to the native stack at the next switch: the root goes on before any other task
  begin_slice();
}

// A paused clock stands still while there is something to do, the pool's work included; then it jumps to the next
// deadline instead of letting the thread sleep.
void CurrentThread::sleep_paused(const Task& waiter) noexcept {
  driver_.poll();  // news that are there come before any deadline
  if (waiter.phase == Phase::ready || !run_queue_.is_empty()) return;
  context::IdleBell bell(context_);
  // The pool first: whom its last job has woken is in the inject queue before the pool calls itself idle.
  const bool is_pool_idle = bell.listen();
  if (is_pool_idle && has_nothing_from_others() && driver_.jump()) return;
  bell_ = &bell;
  sleep_until_news(waiter);
  bell_ = nullptr;
}

void CurrentThread::sleep_until_news(const Task& waiter) noexcept {
  if (outer_ != nullptr && outer_->kind != Kind::blocking) return sleep_in_outer(waiter);
  // A task injected between the test of drive() and now is seen here: the driver asks after it has raised its flag.
  driver_.park(base::kForever, [this, &waiter] {
    if (!may_sleep() || !run_queue_.is_empty() || waiter.phase == Phase::ready) return false;
    falls_asleep();
    return true;
  });
}

// Our root runs on a fiber of another runtime. When that fiber is cancelled, so is our root, whose code it is.
void CurrentThread::pass_on_cancellation() noexcept {
  if (outer_->kind == Kind::blocking || !is_open() || root_scope_->is_cancelled() || !task::is_cancel_due(*outer_)) return;
  root_scope_->cancel();
}

// We run on a fiber of another runtime of this thread: that fiber parks, and its siblings go on.
void CurrentThread::sleep_in_outer(const Task& waiter) noexcept {
  driver_.look();
  if (waiter.phase == Phase::ready || !run_queue_.is_empty()) return;
  driver::Driver& outer_driver = static_cast<CurrentThread*>(outer_->schedule)->driver_;
  falls_asleep();
  driver_.park_elsewhere([&] {
    if (!may_sleep()) return;
    driver::FdWatch news(*outer_, driver_.fd(), driver::kReadable);
    // Without the memory to watch, it looks again a millisecond later.
    driver::Timer retry(*outer_, base::deadline_after(1'000'000));
    const bool watched = outer_driver.watch(news);
    if (!watched) outer_driver.arm_real(retry);
    thread_state.running = outer_;
    asleep_in_ = outer_;  // a sibling of that fiber may wake one of our tasks, and the kernel would not tell us
    is_rousable_ = true;
    const task::Waiting waiting(*outer_, task::WaitFor::inner_runtime);
    task::park_until_certain(*outer_, [&] {
      return news.has_news() || retry.has_fired() || waiter.phase == Phase::ready ||
             !run_queue_.is_empty() || (is_open() && !root_scope_->is_cancelled() && task::is_cancel_due(*outer_));
    });
    asleep_in_ = nullptr;
    is_rousable_ = false;
    thread_state.running = nullptr;
    outer_driver.unwatch(news);
    outer_driver.disarm_real(retry);
  });
  driver_.look();
}

void CurrentThread::after_look() noexcept {
  coarse_now_ = base::monotonic_now();
  look_due_ = false;
  next_look_ = turns_.read() + config_.event_interval;
  begin_slice();
  if (RUNTIME_UNLIKELY(!calls_.is_empty())) serve_calls(calls_.take_all());
}

void CurrentThread::serve_calls(OwnerCall* first) noexcept {
  while (first != nullptr) std::exchange(first, first->next_call)->run();
}

bool CurrentThread::call_on_owner(OwnerCall& call) noexcept {
  if (!calls_.push(call)) return false;
  driver_.unpark();
  return true;
}

// A stack for a task that starts. A task that was cancelled before, or can have none, gets one only for what its captures
// do when they are destroyed: they may wait. All such tasks share the reaper's, unless one of them does wait.
bool CurrentThread::find_stack(Task& task) noexcept {
  fiber::Fiber* fiber = nullptr;
  if (!task.is_cancel_requested()) {
    try {
      fiber = &stacks_for(task).take();
      if (fiber->pool != &stacks_) count_other_stacks();
    } catch (...) {
      task.exception = std::current_exception();  // the join says why, and everybody else goes on
    }
  }
  if (fiber == nullptr) {
    if (task.table->drop_closure == nullptr) return false;
    try {
      fiber = &reaper_stacks_.take();
    } catch (...) {
      return false;  // then here, on the native stack
    }
  }
  occupy_stopped(*fiber, task);
  return true;
}

// The end of a task that never ran, without a stack. Should a capture wait in its destructor all the same, because there
// was no memory for the reaper's stack, the loop runs above it, as it does for the root.
void CurrentThread::destroy_unstarted(Task& task) noexcept {
  const base::ErrnoKeeper keeper;
  const context::Entry entry(context_);
  if (observer_ != nullptr) observer_->is_handed_out = false;  // it will not come back from a fiber
  task.phase = Phase::running;
  task.fiber = &native_;
  thread_state.running = &task;
  if (task.kind == Kind::child) tell_scope_of_error(task);
  task.closing = true;
  // What the root below us hangs on this stack does not concern the task.
  const fiber::Fiber root = native_;
  native_.companion = {};
  native_.scopes = nullptr;
  native_.bindings = nullptr;
  native_.local_values = nullptr;
  // If it waits, it is the others' news that end the wait: a round of one turn each goes on behind it.
  const bool is_round = one_round_;
  if (is_round) end_round();
  task.drop_closure();
  task::destroy_local_values(native_);
  if (task.exception) failures_.keep(task);  // there was no stack for it
  end(task);
  native_.companion = root.companion;
  native_.scopes = root.scopes;
  native_.bindings = root.bindings;
  native_.local_values = root.local_values;
  if (is_round) begin_round(last_turn_);
}

// Stacks. ---------------------------------------------------------------------------------------------------------------

fiber::StackPool& CurrentThread::stacks_for(const Task& task) {
  const std::size_t size = task.has_attributes() ? task.attributes()->stack_size : 0;
  if (size == 0 || size == stacks_.stack_size()) return stacks_;
  for (const auto& pool : other_stacks_) {
    if (pool->stack_size() == size) return *pool;
  }
  fiber::StackOptions options = config_.stacks;
  options.size = size;
  other_stacks_.push_back(std::make_unique<fiber::StackPool>(options, &fiber_entry));
  return *other_stacks_.back();
}

void CurrentThread::tidy_stacks() noexcept {
  stacks_.tidy();
  reaper_stacks_.tidy();
  if (other_stacks_.empty()) return;
  for (const auto& pool : other_stacks_) pool->tidy();
  count_other_stacks();
}

// The sums are kept for other threads, which may read counters but not the list of pools.
void CurrentThread::count_other_stacks() noexcept {
  std::uint64_t in_use = 0;
  std::uint64_t pooled = 0;
  for (const auto& pool : other_stacks_) {
    in_use += pool->in_use();
    pooled += pool->warm_count();
  }
  other_in_use_.set(in_use);
  other_pooled_.set(pooled);
}

bool CurrentThread::find_overflowed(const void* address, fiber::OverflowedTask& found) noexcept {
  const Task* task = task::current();
  // The root of a runtime may itself be on a fiber of another one.
  while (task != nullptr && task->kind == Kind::root) task = static_cast<const CurrentThread*>(task->schedule)->outer_;
  if (task == nullptr || task->fiber == nullptr || task->fiber->pool == nullptr) return false;
  const fiber::Fiber& fiber = *task->fiber;
  const auto* byte = static_cast<const std::byte*>(address);
  if (byte < fiber.low - fiber.pool->guard_size() || byte >= fiber.low) return false;
  found = {task->id, task->name(), fiber.pool->stack_size(), task->spawn_file, task->spawn_line};
  return true;
}

// The root. -------------------------------------------------------------------------------------------------------------

void CurrentThread::enter_root() {
  RUNTIME_ASSERT(is_owner() && !has_root());
  fiber::watch_for_overflow(&find_overflowed);
  signal_stack_.enter();
  float_state_ = fiber::FloatState::current();
  root_.phase = Phase::running;
  native_.companion = {};
  native_.bindings = task::bindings();  // what is bound around block_on is bound in its root
  outer_ = thread_state.running;
  thread_state.running = &root_;
  root_scope_.emplace(root_);
  entry_.emplace(context_);
  is_rousable_ = false;
  absence_bell_.reset();
  coarse_now_ = base::monotonic_now();  // nobody has looked since the last root left, however long ago
  busy_.start(coarse_now_);
  fiber::tell_root(native_, RUNTIME_ROOT_BEGINS);
}

void CurrentThread::leave_root() noexcept {
  destroy_root_values();
  context_.pool->wake_now();
  busy_.stop(base::monotonic_now());
  entry_.reset();
  root_scope_.reset();
  native_.bindings = nullptr;
  fiber::tell_root(native_, RUNTIME_ROOT_ENDS);
  thread_state.running = std::exchange(outer_, nullptr);
  root_.phase = Phase::draft;
  root_.cancels_delivered = 0;
  root_.signals.fetch_and(~Task::kCancelRequested, std::memory_order_relaxed);  // see stop_root()
  signal_stack_.leave();
  if (is_embedded_ && is_open()) leave_to_outer_loop();
}

void CurrentThread::destroy_root_values() noexcept {
  if (native_.local_values == nullptr) return;
  const task::Shield shield;
  task::destroy_local_values(native_);
}

// The end. --------------------------------------------------------------------------------------------------------------

// What other threads have made ready goes behind what is.
void CurrentThread::take_injected() noexcept {
  while (Task* task = observer_ != nullptr ? pick_injected_observed() : pick_injected()) {
    task->phase = Phase::ready;
    run_queue_.push(*task);
  }
}

void CurrentThread::begin_round(std::uint64_t last_turn) noexcept {
  one_round_ = true;
  has_slices_ = false;
  last_turn_ = last_turn;
  if (observer_ == nullptr) slice_end_ = last_turn_;
}

void CurrentThread::end_round() noexcept {
  one_round_ = false;
  has_slices_ = observer_ == nullptr;
  begin_slice();
}

CurrentThread::Leftovers CurrentThread::shut_down(base::Nanos deadline, bool one_resume) noexcept {
  state_.store(State::closing, std::memory_order_release);
  take_injected();
  Leftovers leftovers{};
  for (Task* task = owned_.front(); task != nullptr; task = owned_.next(*task)) {
    ++leftovers.cancelled;
    task->abort();
  }

  if (!one_resume) {
    driver::Timer limit(root_, deadline);
    if (deadline != base::kForever) driver_.arm_real(limit);
    while (!owned_.is_empty() && !limit.has_fired()) suspend(root_);
    driver_.disarm_real(limit);
  }
  if (!owned_.is_empty()) {
    // However short the limit was, nobody goes without the one resume that no limit gives.
    begin_round(turns_.read() + run_queue_.depth());
    run_ready();
    end_round();  // so that destructors below which wait all the same can do so
  }

  thread_state.running = &root_;  // closures are destroyed below
  inject_queue_.close();
  while (Task* task = inject_queue_.pop()) {
    if (task->phase == Phase::draft) {
      ended_.add(1);
      finish_cancelled(*task);
    } else {
      task->drop_reference();
    }
  }
  destroy_root_values();  // of those closures; a closed scheduler wakes nobody who waits in a destructor
  state_.store(State::closed, std::memory_order_release);
  serve_calls(calls_.close());
  // Whoever joins a task that will never end is told so. Its frames still use the cell: nobody gives that back.
  for (Task* task = owned_.front(); task != nullptr; task = owned_.next(*task)) {
    ++leftovers.left_parked;
    task->add_reference();
    static_cast<void>(task::publish_end(*task));
  }
  if (stacks_.in_use() == 0) stacks_.close();
  if (reaper_stacks_.in_use() == 0) reaper_stacks_.close();
  for (const auto& pool : other_stacks_) {
    if (pool->in_use() == 0) pool->close();
  }
  count_other_stacks();
  return leftovers;
}

}  // namespace runtime::inline v1::scheduler
