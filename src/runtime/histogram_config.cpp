#include <runtime/histogram_config.hpp>

#include <runtime/error.hpp>

#include "runtime/histogram_access.hpp"

namespace runtime::inline v1 {

HistogramConfig HistogramConfig::make_linear(detail::Nanos width, std::size_t buckets) {
  constexpr std::size_t kMostBuckets = std::size_t{1} << 20;
  if (width <= 0 || buckets == 0 || buckets > kMostBuckets) {
    throw Error(Errc::invalid_argument,
                "HistogramConfig::linear() takes a width above zero and between one and 1048576 buckets");
  }
  return {Kind::linear, static_cast<std::uint32_t>(buckets), width, 0};
}

HistogramConfig HistogramConfig::make_log(detail::Nanos min, detail::Nanos max, unsigned precision) {
  constexpr unsigned kHighestPrecision = 10;
  if (min < 0 || max <= min || precision > kHighestPrecision) {
    throw Error(Errc::invalid_argument,
                "HistogramConfig::log() takes a smallest duration of zero or more, a largest above it, and a precision of "
                "at most 10");
  }
  return {Kind::log, precision, min, max};
}

metrics::HistogramScale detail::HistogramConfigAccess::scale_of(const HistogramConfig& config) noexcept {
  const auto low = static_cast<std::uint64_t>(config.low_);
  if (config.kind_ == HistogramConfig::Kind::linear) return metrics::HistogramScale::linear(low, config.number_);
  return metrics::HistogramScale::log(low, static_cast<std::uint64_t>(config.high_), config.number_);
}

}  // namespace runtime::inline v1
