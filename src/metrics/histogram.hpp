#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "metrics/counter.hpp"
#include "metrics/histogram_scale.hpp"

namespace runtime::inline v1::metrics {

/// Counts durations by their length: one thread records, any thread reads. Each count is exact; a reader on another
/// thread may find a duration already counted and not yet summed.
///
/// Owns: the counters.
class Histogram final {
 public:
  /// Throws: std::bad_alloc.
  explicit Histogram(const HistogramScale& scale) : scale_(scale), counts_(scale.size()) {}

  void record(base::Nanos duration) noexcept {
    const auto value = static_cast<std::uint64_t>(duration > 0 ? duration : 0);
    counts_[scale_.bucket_of(value)].add(1);
    sum_.add(value);
  }

  const HistogramScale& scale() const noexcept { return scale_; }
  std::uint64_t count(std::uint32_t bucket) const noexcept { return counts_[bucket].read(); }
  std::uint64_t sum() const noexcept { return sum_.read(); }

 private:
  const HistogramScale scale_;
  std::vector<Counter> counts_;
  Counter sum_;
};

}  // namespace runtime::inline v1::metrics
