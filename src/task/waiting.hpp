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
    if (what == WaitFor::timer) detail.deadline = base::kForever;
    if (what == WaitFor::descriptor) detail.watched = {-1, 0};
    fiber_.waiting = this;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { fiber_.waiting = outer; }

  struct Watched {
    int fd;                 // -1: none
    std::uint8_t interest;  // driver::Interest bits
  };

  // Constant while parked.
  WaitFor what;
  union Detail {
    const void* object = nullptr;  // lock, channel, …: tells two of them apart
    base::Nanos deadline;          // timer: on the runtime's clock
    Watched watched;               // descriptor
    std::uint64_t joined;          // join, blocking_job: the id of the task; 0: none
    const Branches* branches;      // children: those of a select; null: other ones
  } detail;                        // one word: parking is the dearest thing most tasks do
  const std::atomic<std::uint64_t>* holder = nullptr;  // of a lock: the id of the task that has it; 0: none, or no task
  base::Nanos since;                                   // on CLOCK_MONOTONIC
  Waiting* const outer;

  std::uint64_t joined() const noexcept {
    return what == WaitFor::join || what == WaitFor::blocking_job ? detail.joined : 0;
  }
  const Branches* branches() const noexcept { return what == WaitFor::children ? detail.branches : nullptr; }
  Watched watched() const noexcept { return what == WaitFor::descriptor ? detail.watched : Watched{-1, 0}; }
  /// Null for what has none.
  const void* object() const noexcept {
    switch (what) {
      case WaitFor::mutex:
      case WaitFor::rwlock_read:
      case WaitFor::rwlock_write:
      case WaitFor::condition_variable:
      case WaitFor::semaphore:
      case WaitFor::notify:
      case WaitFor::barrier:
      case WaitFor::once_cell:
      case WaitFor::channel_send:
      case WaitFor::channel_receive:
      case WaitFor::channel_closed:
      case WaitFor::token: return detail.object;
      default: return nullptr;
    }
  }

 private:
  fiber::Fiber& fiber_;
};

}  // namespace runtime::inline v1::task
