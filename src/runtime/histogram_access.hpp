#pragma once

#include <runtime/histogram_config.hpp>

#include "metrics/histogram_scale.hpp"

namespace runtime::inline v1::detail {

/// What the library makes of a HistogramConfig.
struct HistogramConfigAccess {
  static metrics::HistogramScale scale_of(const HistogramConfig& config) noexcept;
};

}  // namespace runtime::inline v1::detail
