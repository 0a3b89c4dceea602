#pragma once

#include <atomic>
#include <cstdint>

#include "base/fifo.hpp"
#include "base/mpsc_stack.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::scheduler {

/// Tasks that other threads have made ready: new ones, and parked ones that were woken. It holds a reference to each.
///
/// The pusher then asks the driver to unpark. No wake is lost: push() and the driver's `parked` flag are both sequentially
/// consistent, so either the owner, before it sleeps, sees the task, or the pusher sees the flag.
/// Thread safety: push() and depth() any thread; the rest owner thread.
class InjectQueue final {
 public:
  /// False when the queue is closed; the task is not in it then.
  bool push(task::Task& task) noexcept {
    if (!incoming_.push(task)) return false;
    pushed_.fetch_add(1, std::memory_order_relaxed);  // the owner may have popped it already: see depth()
    return true;
  }

  bool is_empty() const noexcept { return taken_.is_empty() && incoming_.is_empty(); }

  task::Task* pop() noexcept {
    if (taken_.is_empty()) take(incoming_.take_all());
    task::Task* task = taken_.pop_front();
    if (task != nullptr) popped_.store(popped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return task;
  }

  /// Shows what is in it, in order. Owner thread.
  template <class Visit>
  void for_each(Visit visit) {
    take(incoming_.take_all());
    for (task::Task* task = taken_.front(); task != nullptr; task = taken_.after(*task)) visit(*task);
  }

  /// After this, push() fails and pop() gives what is left.
  void close() noexcept { take(incoming_.close()); }

  std::uint64_t depth() const noexcept {
    const std::uint64_t popped = popped_.load(std::memory_order_relaxed);
    const std::uint64_t pushed = pushed_.load(std::memory_order_relaxed);
    return pushed > popped ? pushed - popped : 0;
  }
  /// Ever pushed.
  std::uint64_t count() const noexcept { return pushed_.load(std::memory_order_relaxed); }

 private:
  void take(task::Task* chain) noexcept {
    while (chain != nullptr) {
      task::Task* next = chain->next_injected;
      taken_.push_back(*chain);
      chain = next;
    }
  }

  // What pushers write has a cache line of its own: the owner would otherwise lose its own one with each push.
  alignas(64) base::MpscStack<task::Task, &task::Task::next_injected> incoming_;
  std::atomic<std::uint64_t> pushed_{0};
  alignas(64) base::Fifo<task::Task, &task::Task::next_injected> taken_;
  std::atomic<std::uint64_t> popped_{0};
};

}  // namespace runtime::inline v1::scheduler
