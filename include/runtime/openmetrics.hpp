#pragma once

#include <cstddef>
#include <string>

#include <runtime/export.hpp>
#include <runtime/metrics.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// Gives the text piece by piece; `append` may throw.
RUNTIME_API void write_openmetrics(const RuntimeMetrics& metrics, void* text,
                                   void (*append)(void* text, const char* piece, std::size_t size));

}  // namespace detail

/// All metrics as a text that Prometheus can scrape: names begin with `runtime_`, durations are in seconds, sizes in
/// bytes, histograms that are switched off are left out, the last line is "# EOF".
///
/// Counters bear their suffix `_total` in the TYPE line as well. Prometheus' parsers of both its own text format and of
/// OpenMetrics take that; `promtool check metrics` demands it.
/// Throws: std::bad_alloc.
/// See: https://prometheus.io/docs/instrumenting/exposition_formats/
inline std::string to_openmetrics(const RuntimeMetrics& metrics) {
  std::string text;
  detail::write_openmetrics(metrics, &text, [](void* to, const char* piece, std::size_t size) {
    static_cast<std::string*>(to)->append(piece, size);
  });
  return text;
}

}  // namespace v1
}  // namespace runtime
