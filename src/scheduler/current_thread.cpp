#include "scheduler/current_thread.hpp"

#include <runtime/error.hpp>

#include "base/assert.hpp"
#include "task/current.hpp"
#include "task/join.hpp"
#include "task/locals.hpp"
#include "task/park.hpp"

// The way from one task to the next. What happens on the native stack is in native_stack.cpp, how cells are made and
// freed in cells.cpp.

namespace runtime::inline v1::scheduler {

using fiber::Fiber;
using task::Kind;
using task::Phase;
using task::Task;
using task::thread_state;

// Choosing. -------------------------------------------------------------------------------------------------------------

// Of one that goes on soon: the frames from where it has stopped to those of who waits, a read from a socket with the
// first line of what it reads into.
RUNTIME_NO_ASAN inline void fetch_frames(const Fiber& fiber) noexcept {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kLines = 14;
  const char* const top = static_cast<const char*>(fiber.context);
  for (std::size_t line = 0; line != kLines; ++line) __builtin_prefetch(top + line * kLine);
}

RUNTIME_NO_ASAN inline Task* CurrentThread::pick() noexcept {
  if (RUNTIME_UNLIKELY(turns_.read() >= slice_end_)) return pick_slow();
  Task* task = run_queue_.pop();
  if (task == nullptr && !inject_queue_.is_empty()) task = pick_injected();
  if (task != nullptr) turns_.add(1);
  if (const Task* behind = run_queue_.front(); behind != nullptr && behind->fiber != nullptr) fetch_frames(*behind->fiber);
  return task;
}

Task* CurrentThread::pick_from_native() noexcept { return pick(); }

// The slice is over: it is time to look at the driver, or to let other threads' tasks go first once.
Task* CurrentThread::pick_slow() noexcept {
  if (RUNTIME_UNLIKELY(!has_slices_)) return observer_ != nullptr ? pick_observed() : nullptr;
  if (turns_.read() >= next_look_) {
    look_due_ = true;
    return nullptr;
  }
  next_injected_ = turns_.read() + config_.global_queue_interval;
  begin_slice();
  Task* task = pick_injected();
  if (task == nullptr) task = run_queue_.pop();
  if (task != nullptr) turns_.add(1);
  return task;
}

// A task that another thread has spawned or woken, ready to run. Wakes that came too late fall away here.
Task* CurrentThread::pick_injected() noexcept {
  while (Task* task = inject_queue_.pop()) {
    // Only now may another thread inject it again: its link is free. Acquire: what the waker did before is visible.
    task->signals.fetch_and(~Task::kInjected, std::memory_order_acq_rel);
    base::happens_after(task);
    if (task->phase == Phase::draft) {
      adopt(*task);
      return task;
    }
    const bool was_parked = task->phase == Phase::parked;
    if (was_parked) task->phase = Phase::ready;
    const bool is_native = task->fiber == &native_;
    task->drop_reference();
    if (was_parked && !is_native) return task;  // alive: a parked task has not ended
  }
  return nullptr;
}

// Going. ----------------------------------------------------------------------------------------------------------------

RUNTIME_NO_ASAN inline void CurrentThread::begin_resume(Task& task) noexcept {
  task.phase = Phase::running;
  thread_state.running = &task;
}

// The running fiber stops; the next ready one goes on, without a detour wherever that is possible.
RUNTIME_NO_ASAN inline void CurrentThread::switch_away(Task& from) noexcept {
  Fiber& here = *from.fiber;
  Fiber* there = &native_;
  Task* next = pick();
  if (RUNTIME_LIKELY(next != nullptr)) {
    if (RUNTIME_LIKELY(next->fiber != nullptr)) {
      there = next->fiber;
    } else if (Fiber* warm = take_warm_for(*next)) {
      there = warm;
    }
  }
  if (there != &native_) {
    begin_resume(*next);
    if (there == &here) return;
  } else {
    handed_back_ = next;
    thread_state.running = nullptr;
  }
  fiber::switch_to(here, *there, words_);
}

RUNTIME_NO_ASAN void CurrentThread::suspend(Task& running) noexcept {
  running.phase = Phase::parked;
  if (RUNTIME_UNLIKELY(running.fiber == &native_)) return drive(running);
  switch_away(running);
}

RUNTIME_NO_ASAN void CurrentThread::yield(Task& running) noexcept {
  running.phase = Phase::ready;
  if (RUNTIME_UNLIKELY(running.fiber == &native_)) {
    turns_.add(1);  // a root that only yields must not keep the driver from being looked at
    root_yields_.add(1);
    return drive(running);
  }
  run_queue_.push_yielded(running);
  switch_away(running);
}

void CurrentThread::schedule(Task& task) noexcept {
  RUNTIME_ASSERT(is_owner());
  if (RUNTIME_UNLIKELY(!is_plainly_open())) {
    if (is_closed()) return;
    note_ready(task);
  }
  task.phase = Phase::ready;
  if (RUNTIME_LIKELY(task.fiber != &native_)) {  // whoever waits on the native stack looks himself
    run_queue_.push(task);
    __builtin_prefetch(task.fiber);  // it has its turn soon
  }
  rouse();
}

void CurrentThread::schedule_remote(Task& task) noexcept {
  base::happens_before(&task);
  // Release: what the waker did before; pairs with pick_injected().
  if ((task.signals.fetch_or(Task::kInjected, std::memory_order_acq_rel) & Task::kInjected) != 0) return;
  if (RUNTIME_UNLIKELY(observer_ != nullptr)) note_injected(task);
  task.add_reference();
  if (!inject_queue_.push(task)) {
    task.drop_reference();  // the runtime is gone: there is nothing to wake
    return;
  }
  driver_.unpark();
}

// Being a fiber. --------------------------------------------------------------------------------------------------------

RUNTIME_NO_ASAN void CurrentThread::fiber_entry(Fiber& self) noexcept {
  Task& first = *static_cast<Task*>(self.occupant);
  static_cast<CurrentThread*>(first.schedule)->fiber_main(self);
}

// One task after the other, for the life of the stack. A task that has not started needs no switch: it goes on right
// here, on a stack that is in the cache.
RUNTIME_NO_ASAN void CurrentThread::fiber_main(Fiber& self) noexcept {
  if (RUNTIME_UNLIKELY(!switch_brings_float_state_)) float_state_.apply();
  for (;;) {
    Task& task = *static_cast<Task*>(self.occupant);
    run(task);
    end(task);  // the task may be gone now

    Task* next = pick();
    if (next != nullptr && next->fiber == nullptr && self.pool == &stacks_ && is_startable(*next) &&
        stacks_.is_clean(self)) {
      occupy(self, *next);
      *words_.error = 0;
      *words_.entered = &home_;
      float_state_.apply();
      begin_resume(*next);
      continue;
    }
    // Nobody takes this fiber from the pool before the switch below has left it: there is only one thread.
    self.pool->put(self);
    if (RUNTIME_UNLIKELY(self.pool != &stacks_)) count_other_stacks();
    Fiber* there = &native_;
    if (next != nullptr && next->fiber != nullptr) {
      there = next->fiber;
      begin_resume(*next);
    } else {
      handed_back_ = next;
      thread_state.running = nullptr;
    }
    fiber::switch_to(self, *there, words_, true);
    if (RUNTIME_UNLIKELY(!switch_brings_float_state_)) float_state_.apply();
  }
}

// Captures may wait in their destructors, and must not be thrown out of them.
inline void CurrentThread::close(Task& task) noexcept {
  task.closing = true;
  task.drop_closure();
  if (RUNTIME_UNLIKELY(task.fiber->local_values != nullptr)) task::destroy_local_values(*task.fiber);
}

void CurrentThread::run(Task& task) noexcept {
  try {
    task::throw_if_cancelled(task);
    if (RUNTIME_LIKELY(!task.exception)) {  // there was a stack for it
      task.table->run(task.body());
      task.has_result = true;
      return close(task);  // from here, so that only a task that failed is asked below whether it did
    }
  } catch (const Cancelled&) {
    // No result and no exception: the join says that it was cancelled.
  } catch (...) {
    task.exception = std::current_exception();
  }
  if (RUNTIME_UNLIKELY(task.kind == Kind::child)) tell_scope_of_error(task);
  close(task);
  if (task.exception) failures_.keep(task);
}

inline void CurrentThread::count_out(Task& task) noexcept {
  if (RUNTIME_UNLIKELY(!is_plainly_open())) tell_ending(task);
  owned_.remove(task);
  ended_.add(1);
}

// It is not the running one any more.
inline void CurrentThread::put_down(Task& task) noexcept {
  task.phase = Phase::ended;
  task.fiber = nullptr;
  thread_state.running = nullptr;
}

// Runs on the task's own fiber, or on the native stack for one that never had any. The task may be gone afterwards.
// Whatever most tasks do not need is elsewhere, so that they need no frame.
void CurrentThread::end(Task& task) noexcept {
  fiber::Fiber* const fiber = task.fiber;
  // An outcome that nobody will take is destroyed while its destructor can still wait as part of the task.
  if (RUNTIME_UNLIKELY(task::is_detached(task))) drop_outcome(task);
  if (RUNTIME_UNLIKELY(task.kind == Kind::child)) return end_child(task);
  if (RUNTIME_LIKELY(task.kind != Kind::branch)) count_out(task);
  put_down(task);
  if (RUNTIME_UNLIKELY(!task::publish_end_to_local(task))) end_for_any(task, fiber);
}

[[gnu::noinline]] void CurrentThread::end_child(Task& task) noexcept {
  fiber::Fiber* const fiber = task.fiber;
  task::Children* const scope = leave_scope(task);
  count_out(task);
  put_down(task);
  if (!task::publish_end_to_local(task)) end_for_any(task, fiber);
  scope->ended();
}

// No fiber of this thread joins it: somebody else does, or nobody.
[[gnu::noinline]] void CurrentThread::end_for_any(Task& task, Fiber* fiber) noexcept {
  if (!task::publish_end_to_any(task)) return;
  if (RUNTIME_UNLIKELY(task.has_outcome())) {
    // The handle went away on another thread since we looked. The task is nobody's but ours: it goes on for a moment.
    task.fiber = fiber;
    task.phase = Phase::running;
    thread_state.running = &task;
    drop_outcome(task);
    put_down(task);
  }
  task.drop_reference();
}

// The outcome's destructors may use fiber-locals again, and the fiber goes to another task next.
void CurrentThread::drop_outcome(Task& task) noexcept {
  task.drop_outcome();
  if (RUNTIME_UNLIKELY(task.fiber->local_values != nullptr)) task::destroy_local_values(*task.fiber);
}

void CurrentThread::tell_scope_of_error(Task& task) noexcept {
  if (!task.exception) return;
  if (!child_of(task).of->fail(task.exception)) return;
  task.failure.store(task::Failure::heard, std::memory_order_relaxed);  // it will be thrown there
}

// The scope, to be told when the task is no more.
task::Children* CurrentThread::leave_scope(Task& task) noexcept {
  task::Child& child = child_of(task);
  child.of->leave(child);
  return child.of;
}

}  // namespace runtime::inline v1::scheduler
