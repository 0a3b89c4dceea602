#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

namespace runtime {
inline namespace v1 {
namespace detail {

/// A duration of any unit as nanoseconds: rounded up, so that no wait is short, and held inside the range of 64 bits.
template <class Rep, class Period>
constexpr std::int64_t to_nanos(std::chrono::duration<Rep, Period> d) {
  using Wide = std::chrono::duration<long double, std::nano>;
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const long double wide = std::chrono::duration_cast<Wide>(d).count();
  if (wide >= static_cast<long double>(kMax)) return kMax;
  if (wide <= -static_cast<long double>(kMax)) return -kMax;
  const auto whole = static_cast<std::int64_t>(wide);
  return static_cast<long double>(whole) < wide ? whole + 1 : whole;
}

}  // namespace detail
}  // namespace v1
}  // namespace runtime
