#pragma once

#include <cstdint>

#include "base/fifo.hpp"
#include "metrics/counter.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::scheduler {

/// The ready tasks of the owner thread: first in, first out, but for one thing. Those who gave way wait in a queue of
/// their own, each with the place it has among the others, so that what the driver wakes can be put before all of them
/// at once.
///
/// Thread safety: owner thread; depth() any thread. Borrows: the tasks.
class RunQueue final {
 public:
  bool is_empty() const noexcept { return ready_.is_empty() && yielded_.is_empty(); }

  void push(task::Task& task) noexcept {
    ready_.push_back(task);
    pushed_.add(1);
  }

  void push_yielded(task::Task& task) noexcept {
    task.yield_position = pushed_.read();
    yielded_.push_back(task);
    yields_.add(1);
  }

  task::Task* pop() noexcept {
    task::Task* yielded = yielded_.front();
    if (yielded != nullptr && yielded->yield_position <= popped_.read()) {
      yields_.subtract(1);
      return yielded_.pop_front();
    }
    task::Task* task = ready_.pop_front();
    if (task != nullptr) popped_.add(1);
    return task;
  }

  /// Who comes next but for those who gave way; null: nobody.
  task::Task* front() const noexcept { return ready_.front(); }

  /// Called around a look at the driver: if that has woken anybody, those who gave way before go behind it.
  std::uint64_t mark() const noexcept { return pushed_.read(); }
  void put_yielded_behind(std::uint64_t mark) noexcept {
    if (pushed_.read() == mark) return;
    ready_.append(yielded_);
    pushed_.add(yields_.read());
    yields_.set(0);
  }

  std::uint64_t depth() const noexcept {
    const std::uint64_t popped = popped_.read();  // before pushed_: from another thread, the difference stays positive
    return pushed_.read() - popped + yields_.read();
  }

 private:
  using Queue = base::Fifo<task::Task, &task::Task::next_ready>;
  Queue ready_;
  Queue yielded_;
  metrics::Counter pushed_;  // ever, into ready_
  metrics::Counter popped_;  // ever, out of ready_
  metrics::Counter yields_;  // now in yielded_
};

}  // namespace runtime::inline v1::scheduler
