#include <algorithm>
#include <new>
#include <utility>

#include "base/system_error.hpp"
#include "scheduler/current_thread.hpp"
#include "task/current.hpp"
#include "task/park.hpp"

// A scheduler whose tasks are observed: hooks around their resumes, histograms, or both.
//
// It never takes the short way from one fiber to the next. A slice that is always over makes each pick() ask
// pick_observed(), which sends a fiber that stops to the native stack and there, between two resumes, does all the
// telling and measuring. So hooks run where there is room and where no task is running that could park; and a scheduler
// that nobody observes has no instruction of this on its way.

namespace runtime::inline v1::scheduler {

using task::Phase;
using task::Task;
using task::thread_state;

namespace {

// Branches and the root have no room for it.
bool has_readiness(const Task& task) noexcept { return task.kind == task::Kind::fiber || task.kind == task::Kind::child; }
Readiness& readiness_of(Task& task) noexcept { return *static_cast<Readiness*>(task.tail()); }

}  // namespace

std::size_t CurrentThread::tail_size() const noexcept {
  return observer_ != nullptr && observer_->schedule_latency ? sizeof(Readiness) : 0;
}

void CurrentThread::run_hook(const task::Hook& hook, const char* setter, const void* argument) noexcept {
  if (!hook) return;
  const base::ErrnoKeeper keeper;
  const task::Shield shield;  // a hook inside a task's call must not be thrown out of by the task's cancellation
  try {
    hook(argument);
  } catch (...) {
    if (failures_.hook_threw(setter, is_open())) stop_root();
  }
}

// Spawning and waking. --------------------------------------------------------------------------------------------------

// False once the runtime has been shut down: nobody is told of tasks that come then, and end at once.
bool CurrentThread::tell_spawned(Task& task) noexcept {
  if (observer_ == nullptr || is_closed()) return false;
  if (tail_size() != 0) ::new (task.tail()) Readiness;
  const detail::RawTaskMeta meta = task::meta_of(task);
  run_hook(observer_->hooks.on_spawn, "on_task_spawn", &meta);
  note_ready(task);
  note_injected(task);
  return true;
}

void CurrentThread::tell_terminated(Task& task) noexcept {
  if (observer_ == nullptr) return;
  const detail::RawTaskMeta meta = task::meta_of(task);
  run_hook(observer_->hooks.on_terminate, "on_task_terminate", &meta);
}

void CurrentThread::note_ready(Task& task) noexcept {
  if (tail_size() != 0 && has_readiness(task)) readiness_of(task).since = base::monotonic_now();
}

// Relaxed: the queue hands it over. A second wake may overwrite it as soon as the owner has taken the task; then the
// owner reads a time that is late by the moment in between.
void CurrentThread::note_injected(Task& task) noexcept {
  if (tail_size() == 0 || !has_readiness(task)) return;
  readiness_of(task).injected.store(base::monotonic_now(), std::memory_order_relaxed);
}

Task* CurrentThread::pick_injected_observed() noexcept {
  Task* task = pick_injected();
  if (task != nullptr && tail_size() != 0 && has_readiness(*task)) {
    Readiness& readiness = readiness_of(*task);
    readiness.since = readiness.injected.load(std::memory_order_relaxed);
  }
  return task;
}

// Resuming. -------------------------------------------------------------------------------------------------------------

Task* CurrentThread::pick_observed() noexcept {
  Observer& observer = *observer_;
  if (std::exchange(observer.is_handed_out, false)) return nullptr;  // on the fiber that stops: to the native stack
  if (Task* ending = std::exchange(observer.ending, nullptr)) {
    tell_terminated(*ending);
    observer.is_handed_out = true;
    return ending;  // back to where it stands
  }
  if (observer.resumed != nullptr) account_for_resumed();
  if (one_round_ && turns_.read() >= last_turn_) return nullptr;
  if (turns_.read() >= next_look_ && !one_round_) {
    look_due_ = true;
    return nullptr;
  }

  Task* task = nullptr;
  if (turns_.read() >= observer.next_injected) {
    observer.next_injected = turns_.read() + config_.global_queue_interval;
    task = pick_injected_observed();
  }
  if (task == nullptr) task = run_queue_.pop();
  if (task == nullptr) task = pick_injected_observed();
  if (task == nullptr) return nullptr;
  turns_.add(1);
  task->add_reference();  // it may end and be joined before it is accounted for
  observer.resumed = task;
  observer.is_handed_out = true;
  tell_resuming(*task);
  return task;
}

void CurrentThread::tell_resuming(Task& task) noexcept {
  Observer& observer = *observer_;
  observer.latency = task::kNoLatency;
  if (observer.schedule_latency && has_readiness(task)) {
    observer.latency = std::max(base::Nanos{0}, base::monotonic_now() - readiness_of(task).since);
    observer.schedule_latency->record(observer.latency);
  }
  if (task.id != 0) {  // else a branch of the root
    const detail::RawTaskMeta meta = task::meta_of(task, observer.latency);
    run_hook(observer.hooks.on_before_poll, "on_before_task_poll", &meta);
  }
  if (observer.poll_time) observer.resumed_at = base::monotonic_now();
}

void CurrentThread::account_for_resumed() noexcept {
  Observer& observer = *observer_;
  Task& task = *std::exchange(observer.resumed, nullptr);
  if (observer.poll_time) observer.poll_time->record(base::monotonic_now() - observer.resumed_at);
  if (task.phase == Phase::ready) note_ready(task);  // it gave way
  if (task.id != 0) {
    const detail::RawTaskMeta meta = task::meta_of(task, observer.latency);
    run_hook(observer.hooks.on_after_poll, "on_after_task_poll", &meta);
  }
  task.drop_reference();
}

// Ending. ---------------------------------------------------------------------------------------------------------------

// From end(), with the task still running: on its fiber, or on the native stack for one that never had any.
RUNTIME_NO_ASAN void CurrentThread::tell_ending(Task& task) noexcept {
  if (observer_ != nullptr && observer_->hooks.on_terminate) {
    if (task.fiber == &native_) {
      tell_terminated(task);
    } else {
      observer_->ending = &task;
      observer_->is_handed_out = false;
      thread_state.running = nullptr;
      fiber::switch_to(*task.fiber, native_, words_);
    }
  }
  const bool is_last = owned_.front() == &task && owned_.next(task) == nullptr;
  if (!is_open() && is_last) task::wake(root_);  // shut_down() waits for it
}

}  // namespace runtime::inline v1::scheduler
