#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace runtime::inline v1::metrics {

/// How values are divided into buckets: evenly, or each power of two into as many.
///
/// A logarithmic scale numbers its buckets as if it began at zero, where they are one wide; `skipped_` of them, all below
/// the smallest value of interest, are left out and fall into the first. The last bucket of either kind has no end.
/// Thread safety: constant.
class HistogramScale final {
 public:
  static constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();

  static HistogramScale linear(std::uint64_t width, std::uint32_t buckets) noexcept {
    return {false, buckets, 0, 0, width};
  }
  static HistogramScale log(std::uint64_t min, std::uint64_t max, std::uint32_t precision) noexcept {
    const std::uint64_t first = log_bucket(min, precision);
    const std::uint64_t skipped = first > 0 ? first - 1 : 0;  // so that min has a bucket of its own
    std::uint64_t beyond = log_bucket(max, precision);        // the first bucket that lies wholly above max
    while (log_begin(beyond, precision) < max) ++beyond;
    return {true, static_cast<std::uint32_t>(beyond - skipped + 1), precision, skipped, 0};
  }

  std::uint32_t size() const noexcept { return size_; }

  std::uint32_t bucket_of(std::uint64_t value) const noexcept {
    std::uint64_t bucket;
    if (is_log_) {
      bucket = log_bucket(value, precision_);
      bucket -= std::min(bucket, skipped_);
    } else {
      bucket = value / width_;
    }
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(bucket, size_ - 1));
  }

  std::uint64_t begin(std::uint32_t bucket) const noexcept {
    if (bucket == 0) return 0;
    return is_log_ ? log_begin(bucket + skipped_, precision_) : times_width(bucket);
  }
  /// Just outside.
  std::uint64_t end(std::uint32_t bucket) const noexcept {
    if (bucket + 1 >= size_) return kNoEnd;
    return is_log_ ? log_begin(bucket + skipped_ + 1, precision_) : times_width(bucket + 1);
  }

 private:
  HistogramScale(bool is_log, std::uint32_t size, std::uint32_t precision, std::uint64_t skipped,
                 std::uint64_t width) noexcept
      : is_log_(is_log), size_(size), precision_(precision), skipped_(skipped), width_(width) {}

  // Values up to 2^(precision + 1) have buckets of their own. From there on the bits below the highest one, as many as
  // the precision says, tell the bucket within the power of two.
  static std::uint64_t log_bucket(std::uint64_t value, std::uint32_t precision) noexcept {
    const auto bits = static_cast<std::uint32_t>(std::bit_width(value));
    if (bits <= precision + 1) return value;
    const std::uint32_t shift = bits - 1 - precision;
    return (std::uint64_t{shift} << precision) + (value >> shift);
  }
  static std::uint64_t log_begin(std::uint64_t bucket, std::uint32_t precision) noexcept {
    const std::uint64_t group = bucket >> precision;
    if (group <= 1) return bucket;
    const std::uint64_t shift = group - 1;
    return (bucket - (shift << precision)) << shift;
  }
  // A scale may reach further than 64 bits count.
  std::uint64_t times_width(std::uint64_t bucket) const noexcept {
    return bucket > kNoEnd / width_ ? kNoEnd : bucket * width_;
  }

  bool is_log_;
  std::uint32_t size_;
  std::uint32_t precision_;
  std::uint64_t skipped_;
  std::uint64_t width_;
};

}  // namespace runtime::inline v1::metrics
