#include "runtime/blocking_task.hpp"

#include <cerrno>
#include <exception>
#include <new>

#include <runtime/error.hpp>

#include "base/sanitizer.hpp"
#include "base/system_error.hpp"
#include "runtime/inner.hpp"
#include "task/current.hpp"
#include "task/join.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::detail {

void BlockingTask::run() noexcept {
  task::Task& task = task_;
  if (task.is_cancel_requested()) return cancel();
  {
    const context::Entry entry(context::of(task));
    task.phase = task::Phase::running;
    task::thread_state.running = &task;
    errno = 0;
    bool failed = false;
    try {
      task.table->run(task.body());
      task.has_result = true;
    } catch (const Cancelled&) {
      // Nobody but the closure itself can have thrown it; it ends as cancelled.
    } catch (...) {
      task.exception = std::current_exception();
      failed = true;
    }
    task.drop_closure();
    scheduler::CurrentThread& scheduler = Inner::of(task).scheduler();
    if (failed) scheduler.failures().keep(task);
    if (task::is_detached(task)) task.drop_outcome();
    scheduler.tell_terminated(task);
    task::thread_state.running = nullptr;
  }
  task.phase = task::Phase::ended;
  if (task::publish_end(task)) {
    task.drop_outcome();
    task.drop_reference();
  }
}

void BlockingTask::cancel() noexcept {
  auto& scheduler = *static_cast<scheduler::CurrentThread*>(task_.schedule);
  scheduler.finish_cancelled(task_, !scheduler.is_closed());
}

void launch_blocking(task::Task& task) {
  task.phase = task::Phase::ready;
  auto* job = ::new (task.tail()) BlockingTask(task);
  blocking::Pool& pool = Inner::of(task).pool();
  const task::Task* const caller = task::parkable();
  const bool is_in_loop = caller != nullptr && caller->schedule == task.schedule;
  const int error = is_in_loop ? pool.submit_before_sleep(*job) : pool.submit(*job);
  if (error == 0) return;
  job->cancel();
  if (error != ECANCELED) {
    base::throw_errno(error, "spawn_blocking: pthread_create of the first pool thread");
  }
}

}  // namespace runtime::inline v1::detail
