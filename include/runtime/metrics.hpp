#pragma once

#include <cstddef>
#include <cstdint>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

namespace detail {
class Inner;
}

/// The runtime's counters at one moment: a value, valid after the runtime.
///
/// The root of block_on is in none of them.
class RUNTIME_API RuntimeMetrics final {
 public:
  /// Spawned tasks that have not ended.
  std::uint64_t num_alive_tasks() const noexcept { return num_alive_tasks_; }
  /// Tasks ever spawned; blocking closures are not counted.
  std::uint64_t spawned_tasks_count() const noexcept { return spawned_tasks_count_; }
  /// Tasks made ready by other threads and not yet taken by the owner.
  std::uint64_t global_queue_depth() const noexcept { return global_queue_depth_; }
  /// Ready tasks in the run queue.
  std::uint64_t local_queue_depth() const noexcept { return local_queue_depth_; }
  /// Blocking closures that wait for a pool thread.
  std::uint64_t blocking_queue_depth() const noexcept { return blocking_queue_depth_; }
  std::uint64_t num_blocking_threads() const noexcept { return num_blocking_threads_; }
  std::uint64_t num_idle_blocking_threads() const noexcept { return num_idle_blocking_threads_; }
  /// Times the owner thread went to sleep in the driver.
  std::uint64_t worker_park_count() const noexcept { return worker_park_count_; }
  /// Resumes of tasks.
  std::uint64_t worker_poll_count() const noexcept { return worker_poll_count_; }
  /// Wakes and spawns made by other threads.
  std::uint64_t remote_schedule_count() const noexcept { return remote_schedule_count_; }
  /// Stacks that a started task has now.
  std::uint64_t stacks_in_use() const noexcept { return stacks_in_use_; }
  /// Stacks kept for the next task.
  std::uint64_t stacks_pooled() const noexcept { return stacks_pooled_; }

 private:
  friend class detail::Inner;

  std::uint64_t num_alive_tasks_ = 0;
  std::uint64_t spawned_tasks_count_ = 0;
  std::uint64_t global_queue_depth_ = 0;
  std::uint64_t local_queue_depth_ = 0;
  std::uint64_t blocking_queue_depth_ = 0;
  std::uint64_t num_blocking_threads_ = 0;
  std::uint64_t num_idle_blocking_threads_ = 0;
  std::uint64_t worker_park_count_ = 0;
  std::uint64_t worker_poll_count_ = 0;
  std::uint64_t remote_schedule_count_ = 0;
  std::uint64_t stacks_in_use_ = 0;
  std::uint64_t stacks_pooled_ = 0;
};

}  // namespace v1
}  // namespace runtime
