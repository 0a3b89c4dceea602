#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "fiber/fiber.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

/// What a parked fiber waits for. Dumps say it in words; see dump_names in the floor that writes them.
enum class WaitFor : std::uint8_t {
  timer,
  descriptor,
  join,
  blocking_job,
  mutex,
  rwlock_read,
  rwlock_write,
  condition_variable,
  semaphore,
  notify,
  barrier,
  once_cell,
  channel_send,
  channel_receive,
  channel_closed,
  token,
  children,      // of a scope, a select, a join set or a tracker
  pool_threads,  // the end of another runtime's
  inner_runtime,
  other_runtime,
};

/// The branches that a select waits for, as dumps see them.
class Branches {
 public:
  virtual std::size_t count() const noexcept = 0;
  /// Null when it has ended.
  virtual const Task* at(std::size_t index) const noexcept = 0;

 protected:
  ~Branches() = default;
};

/// Why the running fiber parks, for whoever dumps it. Lives in the frame of the wait, around the parking; waits nest: one
/// with a deadline is a timer inside something else.
///
/// Costs a few stores. `since` is the time of the scheduler's last look at the driver, at most event_interval resumes
/// old: reading the clock would cost more than the park.
/// Thread safety: owner thread. Borrows: the task, and what `holder` points at.
class Waiting final {
 public:
  Waiting(Task& task, WaitFor what) noexcept
      : what(what), since(task.schedule->coarse_now()), outer(task.fiber->waiting), fiber_(*task.fiber) {
    fiber_.waiting = this;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { fiber_.waiting = outer; }

  // Constant while parked. What does not apply stays as it is here.
  WaitFor what;
  std::uint8_t interest = 0;                            // descriptor: driver::Interest bits
  int fd = -1;                                          // descriptor
  base::Nanos deadline = base::kForever;                // timer: on the runtime's clock
  base::Nanos since;                                    // on CLOCK_MONOTONIC
  std::uint64_t joined = 0;                             // join: the id of the task
  const void* object = nullptr;                         // lock, channel, …: tells two of them apart
  const std::atomic<std::uint64_t>* holder = nullptr;   // lock: the id of the task that has it; 0: none, or no task
  const Branches* branches = nullptr;                   // children: those of a select
  Waiting* const outer;

 private:
  fiber::Fiber& fiber_;
};

}  // namespace runtime::inline v1::task
