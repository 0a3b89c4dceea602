#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {
struct HistogramConfigAccess;
}

/// How a histogram of durations divides them into buckets. In both kinds the last bucket has no end.
///
/// Thread safety: a value.
class RUNTIME_API HistogramConfig final {
 public:
  /// `buckets` buckets, each `width` wide, from zero on. Throws: Error invalid_argument when either is zero or negative,
  /// or when there are more than 2^20 buckets.
  template <class Rep, class Period>
  static HistogramConfig linear(std::chrono::duration<Rep, Period> width, std::size_t buckets) {
    return make_linear(detail::to_nanos(width), buckets);
  }
  /// Buckets whose width grows with the duration: each power of two is divided into 2^precision of them, so that a value
  /// is known to one part in 2^precision. What is shorter than `min` falls into the first bucket, what is longer than
  /// `max` into the last. log(100ns, 60s, 2) has 119 buckets.
  ///
  /// Throws: Error invalid_argument for a negative `min`, a `max` that is not above it, or a precision above 10.
  /// See: https://iop.systems/blog/h2-histogram/
  template <class Rep, class Period, class Rep2, class Period2>
  static HistogramConfig log(std::chrono::duration<Rep, Period> min, std::chrono::duration<Rep2, Period2> max,
                             unsigned precision) {
    return make_log(detail::to_nanos(min), detail::to_nanos(max), precision);
  }

 private:
  friend struct detail::HistogramConfigAccess;
  enum class Kind : std::uint32_t { linear = 0, log = 1 };
  HistogramConfig(Kind kind, std::uint32_t number, detail::Nanos low, detail::Nanos high) noexcept
      : kind_(kind), number_(number), low_(low), high_(high) {}
  static HistogramConfig make_linear(detail::Nanos width, std::size_t buckets);
  static HistogramConfig make_log(detail::Nanos min, detail::Nanos max, unsigned precision);

  Kind kind_;
  std::uint32_t number_;  // of buckets; the precision
  detail::Nanos low_;     // the width; min
  detail::Nanos high_;    // unused; max
};

}  // namespace v1
}  // namespace runtime
