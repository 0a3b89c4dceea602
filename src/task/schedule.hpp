#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/compiler.hpp"
#include "metrics/counter.hpp"
#include "task/current.hpp"

namespace runtime::inline v1::task {

/// How a task gets itself run: declared here, implemented by the scheduler, so that nothing that waits has to know it.
class Schedule {
 public:
  /// Puts a task that is parked, or new, behind the ready ones. Owner thread.
  virtual void schedule(Task& task) noexcept = 0;
  /// The same from any thread: the owner will look at the task soon. It is taken over with a reference.
  virtual void schedule_remote(Task& task) noexcept = 0;
  /// Stops the running task until it is scheduled again. Owner thread, from the task.
  virtual void suspend(Task& running) noexcept = 0;
  /// Gives way and stays ready. Owner thread, from the task.
  virtual void yield(Task& running) noexcept = 0;
  /// The cell's memory is free. Any thread; the last thing that happens to a task.
  virtual void recycle(Task& task) noexcept = 0;
  /// Keeps the scheduler itself in memory. Any thread.
  virtual void hold_memory() noexcept = 0;
  virtual void unhold_memory() noexcept = 0;
  /// An exception left the task and nobody can receive it any more. Any thread, before the exception is destroyed.
  virtual void report_unhandled(Task& task) noexcept = 0;

  /// True on the thread that owns this scheduler.
  bool is_owner() const noexcept { return this_thread() == owner_; }
  /// One unit of the running task's budget for waits that complete at once. A task that finds it used up within one resume
  /// gives way first, so that it cannot keep the thread from the driver. Owner thread, from the task.
  void spend_budget(Task& running) noexcept {
    if (RUNTIME_LIKELY(try_spend_budget())) return;
    forced_yields.add(1);
    yield(running);
    budget_turn_ = turns_.read();
    budget_left_ = budget_ - 1;
  }
  /// False: there is nothing left, and the task would have to give way.
  bool try_spend_budget() noexcept {
    if (RUNTIME_UNLIKELY(budget_turn_ != turns_.read())) {
      budget_turn_ = turns_.read();
      budget_left_ = budget_;
    }
    if (RUNTIME_UNLIKELY(budget_left_ == 0)) return false;
    --budget_left_;
    return true;
  }
  /// The monotonic clock as of the last look at the driver. Owner thread.
  base::Nanos coarse_now() const noexcept { return coarse_now_; }
  /// The context::Context of the runtime, for the floors that know what that is.
  const void* context() const noexcept { return context_; }
  /// What ran on this thread when the root entered: a task of another runtime, or null. Owner thread, inside block_on.
  Task* outer() const noexcept { return outer_; }

  metrics::Counter forced_yields;  // times a task had used up its budget; written on the owner thread

 protected:
  explicit Schedule(const void* context, std::uint32_t budget = 128) noexcept
      : budget_(budget), context_(context), owner_(this_thread()) {}
  ~Schedule() = default;

  metrics::Counter turns_;           // resumes of tasks, and yields of the root

  base::Nanos coarse_now_ = base::monotonic_now();
  Task* outer_ = nullptr;

 private:
  static constexpr std::uint64_t kNoTurn = ~std::uint64_t{0};

  std::uint64_t budget_turn_ = kNoTurn;  // the turn whose budget this is
  std::uint32_t budget_left_ = 0;
  const std::uint32_t budget_;
  const void* const context_;
  const std::uint64_t owner_;
};

}  // namespace runtime::inline v1::task
