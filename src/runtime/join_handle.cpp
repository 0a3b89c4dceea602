#include <runtime/detail/raw_task.hpp>
#include <runtime/detail/root_scope.hpp>

#include <string>

#include <runtime/error.hpp>

#include "base/backoff.hpp"
#include "base/sanitizer.hpp"
#include "runtime/inner.hpp"
#include "task/branch.hpp"
#include "task/join.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"
#include "time/now.hpp"
#include "time/park_until.hpp"

namespace runtime::inline v1::detail {
namespace {

using task::Task;

bool has_ended(task::Enlisted enlisted) {
  if (enlisted == task::Enlisted::place_is_taken) {
    throw Error(Errc::invalid_argument, "two at once wait through one JoinHandle: it is for one at a time");
  }
  return true;
}

// As most joins are: a task waits for another one of its own runtime, as long as it takes.
void join_sibling(Task& task, Task& self) {
  task::throw_if_cancelled(self);
  if (task.is_finished()) return self.schedule->spend_budget(self);
  task::FiberWaiter waiter(self);
  task::Waiting waiting(self, task::WaitFor::join);
  waiting.detail.joined = task.id;
  if (const auto enlisted = enlist_locally(task, waiter); RUNTIME_UNLIKELY(enlisted != task::Enlisted::yes)) {
    has_ended(enlisted);
    return;
  }
  const auto end = task::park_until(self, [&waiter] { return waiter.is_notified(); });
  if (RUNTIME_LIKELY(end == task::ParkEnd::done)) return;
  withdraw_locally(task);
  throw Cancelled();
}

// If the task ends at this very moment on another thread, that knows the caller's frame for a few instructions more.
// Parking until then would cost a cancelled fiber the one resume of a shutdown without time.
void leave(Task& task, task::FiberWaiter& waiter) noexcept {
  if (withdraw(task, waiter)) return;
  base::Backoff backoff;
  while (!waiter.is_notified()) backoff.pause();
}

// The same for a blocking closure of the runtime, which ends on another thread.
void join_blocking(Task& task, Task& self) {
  task::throw_if_cancelled(self);
  if (task.is_finished()) return self.schedule->spend_budget(self);
  task::FiberWaiter waiter(self);
  task::Waiting waiting(self, task::WaitFor::blocking_job);
  waiting.detail.joined = task.id;
  if (const auto enlisted = enlist(task, waiter); RUNTIME_UNLIKELY(enlisted != task::Enlisted::yes)) {
    has_ended(enlisted);
    return;
  }
  const auto end = task::park_until(self, [&waiter] { return waiter.is_notified(); });
  if (RUNTIME_LIKELY(end == task::ParkEnd::done)) return;
  leave(task, waiter);
  throw Cancelled();
}

bool are_siblings(const Task& task, const Task& self) noexcept {
  const auto is_one_of = [](task::Kind kind, unsigned kinds) { return (1U << static_cast<unsigned>(kind) & kinds) != 0; };
  constexpr unsigned kTasks = 1U << static_cast<unsigned>(task::Kind::fiber) |
                              1U << static_cast<unsigned>(task::Kind::child) |
                              1U << static_cast<unsigned>(task::Kind::blocking);
  constexpr unsigned kParkable = 1U << static_cast<unsigned>(task::Kind::fiber) |
                                 1U << static_cast<unsigned>(task::Kind::child) |
                                 1U << static_cast<unsigned>(task::Kind::root);
  return self.schedule == task.schedule && &self != &task && is_one_of(task.kind, kTasks) &&
         is_one_of(self.kind, kParkable);
}

// False: the limit came first.
bool wait_on_fiber(Task& task, Task& self, base::Nanos limit) {
  if (&task == &task::identity_of(self)) {
    throw Error(Errc::would_deadlock, "a task cannot join itself: it would wait for its own end");
  }
  if (limit != base::kForever) time::require_timers("join_for()");
  const base::Nanos deadline = limit == base::kForever ? base::kForever : time::deadline_after(limit);
  task::throw_if_cancelled(self);
  if (task.is_finished()) {
    self.schedule->spend_budget(self);
    return true;
  }
  task::FiberWaiter waiter(self);
  task::Waiting waiting(self, task.kind == task::Kind::blocking ? task::WaitFor::blocking_job : task::WaitFor::join);
  waiting.detail.joined = task.id;
  if (joins_locally(task)) {
    if (const auto enlisted = enlist_locally(task, waiter); enlisted != task::Enlisted::yes) return has_ended(enlisted);
    const auto end = time::park_until(self, deadline, [&waiter] { return waiter.is_notified(); });
    if (end == time::WaitEnd::done) return true;
    withdraw_locally(task);
    if (end == time::WaitEnd::cancelled) throw Cancelled();
    return task.is_finished();
  }
  if (const auto enlisted = enlist(task, waiter); enlisted != task::Enlisted::yes) return has_ended(enlisted);
  const auto end = time::park_until(self, deadline, [&waiter] { return waiter.is_notified(); });
  if (end == time::WaitEnd::done) return true;
  leave(task, waiter);
  if (end == time::WaitEnd::cancelled) throw Cancelled();
  return task.is_finished();
}

bool wait_on_thread(Task& task, base::Nanos limit) {
  if (&task == task::current()) {
    throw Error(Errc::would_deadlock, "a blocking closure cannot join itself: it would wait for its own end");
  }
  task::ThreadWaiter waiter;
  if (const auto enlisted = enlist(task, waiter); enlisted != task::Enlisted::yes) return has_ended(enlisted);
  if (waiter.park_until(limit == base::kForever ? base::kForever : base::deadline_after(limit))) return true;
  if (withdraw(task, waiter)) return false;
  waiter.park_until(base::kForever);
  return true;
}

bool wait_for_end(Task& task, base::Nanos limit) {
  Task* self = task::parkable();
  Inner& inner = Inner::of(task);
  const bool is_ours = inner.scheduler().is_owner() && (self == nullptr || self->schedule != task.schedule);
  if (is_ours && !task.is_finished() && inner.is_open() && !inner.scheduler().has_root()) {
    // We own the runtime, are not in it, and nobody drives it: so we do.
    return run_as_root(&inner, [&] { return wait_on_fiber(task, *task::parkable(), limit); });
  }
  if (self != nullptr) return wait_on_fiber(task, *self, limit);
  if (task::current() == nullptr && inner.scheduler().is_owner() && !task.is_finished() && inner.is_open()) {
    // The loop is below us on this stack, and cannot go on before we return.
    throw Error(Errc::would_deadlock, "a hook cannot wait for a task: only the thread it keeps could run that task");
  }
  return wait_on_thread(task, limit);
}

[[noreturn, gnu::noinline]] void throw_failure(Task& task) {
  Inner::of(task).scheduler().failures().receive(task);
  std::rethrow_exception(task.exception);
}

// The task has ended.
inline void* result_of(Task& task) {
  base::happens_after(&task);
  if (RUNTIME_UNLIKELY(task.exception != nullptr)) throw_failure(task);
  if (!task.has_result) throw JoinError(TaskId(task.id));
  return task.result_slot();
}

[[noreturn]] void throw_used(const char* what) {
  throw Error(Errc::invalid_argument, std::string(what) + " on a JoinHandle whose task was joined already, or that was moved from");
}

}  // namespace

RawJoinHandle& RawJoinHandle::operator=(RawJoinHandle&& other) noexcept {
  if (this != &other) {
    if (task_ != nullptr) release();
    task_ = std::exchange(other.task_, nullptr);
    taken_ = std::exchange(other.taken_, false);
  }
  return *this;
}

void RawJoinHandle::release() noexcept { task::detach(*task_); }

void* RawJoinHandle::take_ended() {
  taken_ = true;
  return result_of(*task_);
}

void* RawJoinHandle::take() {
  Task* self = task::current();
  if (RUNTIME_UNLIKELY(task_ == nullptr || taken_ || self == nullptr || !are_siblings(*task_, *self))) {
    return take_for(base::kForever);
  }
  RUNTIME_LIKELY(task_->kind != task::Kind::blocking) ? join_sibling(*task_, *self) : join_blocking(*task_, *self);
  taken_ = true;
  return result_of(*task_);
}

void* RawJoinHandle::take_borrowed() {
  try {
    return take();
  } catch (const Cancelled&) {
    task_->abort();
    const task::Shield shield;
    wait_for_end(*task_, base::kForever);
    throw;
  }
}

void* RawJoinHandle::take_for(Nanos limit) {
  if (limit < 0) throw Error(Errc::invalid_argument, "join_for() takes a limit of zero or more");
  if (task_ == nullptr || taken_) throw_used("join()");
  return wait_for_end(*task_, limit) ? take_ended() : nullptr;
}

void RawJoinHandle::wait() {
  if (task_ == nullptr || taken_) throw_used("wait()");
  wait_for_end(*task_, base::kForever);
}

bool RawJoinHandle::is_finished() const noexcept { return task_ == nullptr || task_->is_finished(); }

void RawJoinHandle::abort() noexcept {
  if (task_ != nullptr) task_->abort();
}

TaskId RawJoinHandle::id() const noexcept { return TaskId(task_ != nullptr ? task_->id : 0); }

task::Task* RawJoinHandle::share() const {
  if (task_ == nullptr) throw_used("abort_handle()");
  task_->add_reference();
  return task_;
}

RawAbortHandle::RawAbortHandle(const RawAbortHandle& other) noexcept : task_(other.task_) { task_->add_reference(); }

RawAbortHandle& RawAbortHandle::operator=(const RawAbortHandle& other) noexcept {
  other.task_->add_reference();
  task_->drop_reference();
  task_ = other.task_;
  return *this;
}

RawAbortHandle::~RawAbortHandle() { task_->drop_reference(); }

void RawAbortHandle::abort() const noexcept { task_->abort(); }

bool RawAbortHandle::is_finished() const noexcept { return task_->is_finished(); }

TaskId RawAbortHandle::id() const noexcept { return TaskId(task_->id); }

}  // namespace runtime::inline v1::detail
