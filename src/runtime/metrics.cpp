#include <runtime/metrics.hpp>

#include <atomic>
#include <utility>
#include <vector>

#include <runtime/error.hpp>

#include "metrics/histogram.hpp"
#include "runtime/inner.hpp"

// The snapshot that Handle::metrics() gives: everything is read where it is counted.

namespace runtime::inline v1::detail {

struct HistogramCounts::Shared {
  explicit Shared(const metrics::Histogram& histogram) : scale(histogram.scale()), sum(histogram.sum()) {
    counts.reserve(scale.size());
    for (std::uint32_t bucket = 0; bucket < scale.size(); ++bucket) counts.push_back(histogram.count(bucket));
  }

  static Shared* of(const metrics::Histogram* histogram) {
    return histogram != nullptr ? new Shared(*histogram) : nullptr;
  }
  std::uint32_t checked(std::size_t bucket) const {
    if (bucket < counts.size()) return static_cast<std::uint32_t>(bucket);
    throw Error(Errc::invalid_argument, "this histogram has fewer buckets; ask for their number first");
  }

  std::atomic<std::uint64_t> references{1};
  const metrics::HistogramScale scale;
  const std::uint64_t sum;
  std::vector<std::uint64_t> counts;
};

HistogramCounts::HistogramCounts(const HistogramCounts& other) noexcept : shared_(other.shared_) {
  if (shared_ != nullptr) shared_->references.fetch_add(1, std::memory_order_relaxed);
}

HistogramCounts& HistogramCounts::operator=(const HistogramCounts& other) noexcept {
  HistogramCounts copy(other);
  std::swap(shared_, copy.shared_);
  return *this;
}

HistogramCounts::~HistogramCounts() {
  if (shared_ != nullptr && shared_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared_;
}

std::size_t HistogramCounts::size() const noexcept { return shared_ != nullptr ? shared_->counts.size() : 0; }

HistogramCounts::Range HistogramCounts::range(std::size_t bucket) const {
  if (shared_ == nullptr) return {0, 0};
  const std::uint32_t index = shared_->checked(bucket);
  return {shared_->scale.begin(index), shared_->scale.end(index)};
}

std::uint64_t HistogramCounts::count(std::size_t bucket) const {
  return shared_ != nullptr ? shared_->counts[shared_->checked(bucket)] : 0;
}

std::uint64_t HistogramCounts::sum() const noexcept { return shared_ != nullptr ? shared_->sum : 0; }

RuntimeMetrics Inner::metrics() const {
  const auto counts = scheduler_.counts();
  const auto pool = pool_.counts();
  const auto stacks = ledger_.measure();
  RuntimeMetrics metrics;
  metrics.num_alive_tasks_ = counts.alive;
  metrics.spawned_tasks_count_ = counts.spawned;
  metrics.global_queue_depth_ = counts.injected;
  metrics.local_queue_depth_ = counts.ready;
  metrics.blocking_queue_depth_ = pool.queued;
  metrics.num_blocking_threads_ = pool.threads;
  metrics.num_idle_blocking_threads_ = pool.idle;
  metrics.worker_park_count_ = driver_.parks.read();
  metrics.worker_park_unpark_count_ = counts.sleeps_and_wakes;
  metrics.worker_noop_count_ = counts.sleeps_for_nothing;
  metrics.worker_poll_count_ = counts.resumes;
  metrics.worker_busy_duration_ = counts.busy;
  metrics.remote_schedule_count_ = counts.injected_ever;
  metrics.budget_forced_yield_count_ = counts.forced_yields;
  metrics.io_fd_registered_count_ = driver_.descriptors().registered.read();
  metrics.io_ready_count_ = driver_.descriptors().reported.read();
  metrics.stacks_in_use_ = counts.stacks_in_use;
  metrics.stacks_pooled_ = counts.stacks_pooled;
  metrics.stack_bytes_resident_ = stacks.resident;
  metrics.stack_high_water_ = stacks.high_water;
  metrics.poll_time_.shared_ = HistogramCounts::Shared::of(scheduler_.poll_time());
  metrics.schedule_latency_.shared_ = HistogramCounts::Shared::of(scheduler_.schedule_latency());
  return metrics;
}

}  // namespace runtime::inline v1::detail
