#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

namespace detail {

class Inner;
struct MetricsAccess;

/// The counts of one histogram at one moment; null when the runtime keeps none. Copies share them.
///
/// Thread safety: a value.
class RUNTIME_API HistogramCounts final {
 public:
  struct Range {
    std::uint64_t begin, end;  // nanoseconds; the end is outside
  };

  HistogramCounts() noexcept = default;
  HistogramCounts(const HistogramCounts& other) noexcept;
  HistogramCounts& operator=(const HistogramCounts& other) noexcept;
  ~HistogramCounts();

  std::size_t size() const noexcept;
  // Zero without a histogram. Throw: Error invalid_argument for a bucket it has not.
  Range range(std::size_t bucket) const;
  std::uint64_t count(std::size_t bucket) const;
  std::uint64_t sum() const noexcept;             // of all durations, in nanoseconds

 private:
  friend class Inner;
  struct Shared;

  Shared* shared_ = nullptr;
};

}  // namespace detail

/// The runtime's counters at one moment: a value, valid after the runtime.
///
/// The root of block_on is in none of them, but for the time it keeps the thread busy.
class RUNTIME_API RuntimeMetrics final {
 public:
  /// A half-open range of durations: the first is in it, the second is not. The last bucket's ends at the largest
  /// duration there is.
  using BucketRange = std::pair<std::chrono::nanoseconds, std::chrono::nanoseconds>;

  /// Threads that run tasks: always 1.
  std::size_t num_workers() const noexcept { return 1; }
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
  /// Times it went to sleep or woke up: odd while it sleeps.
  std::uint64_t worker_park_unpark_count() const noexcept { return worker_park_unpark_count_; }
  /// Times it went to sleep without having resumed a task since it last did.
  std::uint64_t worker_noop_count() const noexcept { return worker_noop_count_; }
  /// Time spent inside block_on and not asleep.
  std::chrono::nanoseconds worker_busy_duration() const noexcept {
    return std::chrono::nanoseconds(worker_busy_duration_);
  }
  /// Resumes of tasks.
  std::uint64_t worker_poll_count() const noexcept { return worker_poll_count_; }
  /// Wakes and spawns made by other threads.
  std::uint64_t remote_schedule_count() const noexcept { return remote_schedule_count_; }
  /// Times a task that never had to wait was made to give way, because it had used up its budget.
  std::uint64_t budget_forced_yield_count() const noexcept { return budget_forced_yield_count_; }
  /// Descriptors ever registered to be watched.
  std::uint64_t io_fd_registered_count() const noexcept { return io_fd_registered_count_; }
  /// Times a watched descriptor became ready.
  std::uint64_t io_ready_count() const noexcept { return io_ready_count_; }
  /// Stacks that a started task has now.
  std::uint64_t stacks_in_use() const noexcept { return stacks_in_use_; }
  /// Stacks kept for the next task.
  std::uint64_t stacks_pooled() const noexcept { return stacks_pooled_; }
  /// Bytes of stacks that are in memory, whole pages, of tasks and of the pool. The kernel was asked when the metrics
  /// were taken, which takes some microseconds for each hundred stacks.
  std::uint64_t stack_bytes_resident() const noexcept { return stack_bytes_resident_; }
  /// Bytes, whole pages, that the task with the deepest stack so far has used. What it used below a gap of 64 MiB that it
  /// left untouched is not noticed.
  std::uint64_t stack_high_water() const noexcept { return stack_high_water_; }

  /// How long tasks run from resume to suspension; see Builder::metrics_poll_time_histogram(). Hooks are not counted in.
  bool poll_time_histogram_enabled() const noexcept { return poll_time_.size() != 0; }
  /// This and what follows is 0 when switched off.
  std::size_t poll_time_histogram_num_buckets() const noexcept { return poll_time_.size(); }
  /// Throws: Error invalid_argument for a bucket there is not.
  BucketRange poll_time_histogram_bucket_range(std::size_t bucket) const { return range_of(poll_time_, bucket); }
  /// Throws: Error invalid_argument for a bucket there is not.
  std::uint64_t poll_time_histogram_bucket_count(std::size_t bucket) const { return poll_time_.count(bucket); }

  /// How long tasks are ready before they are resumed; see Builder::metrics_schedule_latency_histogram().
  bool schedule_latency_histogram_enabled() const noexcept { return schedule_latency_.size() != 0; }
  /// This and what follows is 0 when switched off.
  std::size_t schedule_latency_histogram_num_buckets() const noexcept { return schedule_latency_.size(); }
  /// Throws: Error invalid_argument for a bucket there is not.
  BucketRange schedule_latency_histogram_bucket_range(std::size_t bucket) const {
    return range_of(schedule_latency_, bucket);
  }
  /// Throws: Error invalid_argument for a bucket there is not.
  std::uint64_t schedule_latency_histogram_bucket_count(std::size_t bucket) const {
    return schedule_latency_.count(bucket);
  }

 private:
  static BucketRange range_of(const detail::HistogramCounts& counts, std::size_t bucket) {
    constexpr std::uint64_t kLongest = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
    const detail::HistogramCounts::Range range = counts.range(bucket);
    const auto nanos = [](std::uint64_t n) {
      return std::chrono::nanoseconds(static_cast<std::int64_t>(n < kLongest ? n : kLongest));
    };
    return {nanos(range.begin), nanos(range.end)};
  }

  friend class detail::Inner;
  friend struct detail::MetricsAccess;

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
  std::uint64_t worker_park_unpark_count_ = 0;
  std::uint64_t worker_noop_count_ = 0;
  std::int64_t worker_busy_duration_ = 0;
  std::uint64_t budget_forced_yield_count_ = 0;
  std::uint64_t io_fd_registered_count_ = 0;
  std::uint64_t io_ready_count_ = 0;
  std::uint64_t stack_bytes_resident_ = 0;
  std::uint64_t stack_high_water_ = 0;
  detail::HistogramCounts poll_time_;
  detail::HistogramCounts schedule_latency_;
};

}  // namespace v1
}  // namespace runtime
