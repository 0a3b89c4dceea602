#include "scheduler/failures.hpp"

#include <new>
#include <utility>

#include "base/sanitizer.hpp"
#include "base/signal_text.hpp"

namespace runtime::inline v1::scheduler {

using task::Failure;
using task::Task;
using task::Unhandled;

void Failures::keep(Task& task) noexcept {
  if (task.failure.load(std::memory_order_relaxed) == Failure::heard) return;  // by its scope, on the way
  const std::lock_guard lock(mutex_);
  task.failure.store(Failure::kept, std::memory_order_relaxed);
  kept_.push_back(task);
}

// Release: pairs with Task::drop_outcome(), which destroys the exception once it is heard of.
void Failures::take_out(Task& task) noexcept {
  if (task.failure.load(std::memory_order_relaxed) == Failure::kept) kept_.remove(task);
  base::happens_before(&task.failure);
  task.failure.store(Failure::heard, std::memory_order_release);
}

void Failures::receive(Task& task) noexcept {
  const std::lock_guard lock(mutex_);
  if (task.failure.load(std::memory_order_relaxed) != Failure::telling) take_out(task);
}

bool Failures::give_up(Task& task, bool may_stop) noexcept {
  {
    const std::lock_guard lock(mutex_);
    const Failure failure = task.failure.load(std::memory_order_relaxed);
    if (failure == Failure::heard) return false;
    if (failure == Failure::telling) {
      left_to_teller_ = std::move(task.exception);
      return false;
    }
    take_out(task);
  }
  return act({&task, nullptr, task.exception}, may_stop);  // it is the caller's to destroy, so it stays for now
}

// Its handle may go on another thread while we tell of a task, and would destroy the exception that we read. Sharing it
// is not enough: libstdc++ counts its users where ThreadSanitizer does not see it, so that programs under it would be told
// of a race. So who would destroy it while we tell leaves that to us. (Who joins meanwhile receives it, too.)
void Failures::give_up_kept() noexcept {
  for (;;) {
    Unhandled unhandled;
    Task* task;
    {
      const std::lock_guard lock(mutex_);
      task = kept_.front();
      if (task == nullptr) return;
      task->add_reference();
      unhandled = {task, nullptr, task->exception};
      kept_.remove(*task);
      task->failure.store(Failure::telling, std::memory_order_relaxed);
    }
    static_cast<void>(act(unhandled, false));
    unhandled.exception = nullptr;
    std::exception_ptr left;
    {
      const std::lock_guard lock(mutex_);
      left.swap(left_to_teller_);
      take_out(*task);
    }
    left = nullptr;
    task->drop_reference();
  }
}

bool Failures::hook_threw(const char* hook, bool may_stop) noexcept {
  return act({nullptr, hook, std::current_exception()}, may_stop);
}

bool Failures::act(const Unhandled& unhandled, bool may_stop) noexcept {
  switch (policy_) {
    case UnhandledException::ignore:
      return false;
    case UnhandledException::shutdown_runtime:
      if (may_stop && become_cause(unhandled)) return true;
      break;  // it stops already; what comes after the cause must not be lost
    case UnhandledException::report:
    case UnhandledException::terminate:
      break;
  }
  task::report_unhandled_exception(unhandled);
  if (policy_ == UnhandledException::terminate) std::terminate();
  return false;
}

bool Failures::become_cause(const Unhandled& unhandled) noexcept {
  std::string text;
  try {
    text = task::describe_unhandled_exception(unhandled);
  } catch (const std::bad_alloc&) {
    task::report_unhandled_exception(unhandled);  // told where no memory is needed; the Error will say less
  }
  const std::lock_guard lock(mutex_);
  if (has_cause_.load(std::memory_order_relaxed)) return false;
  cause_told_ = text.empty();
  cause_ = std::move(text);
  has_cause_.store(true, std::memory_order_release);
  return true;
}

std::string Failures::cause() {
  const std::lock_guard lock(mutex_);
  std::string sentence = "the runtime was shut down because ";
  sentence += cause_.empty() ? "of an unhandled exception, which stderr was told of for want of memory" : cause_;
  cause_told_ = true;
  return sentence;
}

void Failures::tell_cause() noexcept {
  const std::lock_guard lock(mutex_);
  if (!has_cause_.load(std::memory_order_relaxed) || cause_told_) return;
  cause_told_ = true;
  base::SignalText text;
  text << "runtime: it was to be shut down, and was before anybody could be told, because " << cause_ << ".\n";
  text.write();
}

}  // namespace runtime::inline v1::scheduler
