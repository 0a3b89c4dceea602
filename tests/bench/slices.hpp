#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace bench {

/// How often a program repeats a measurement within one run.
constexpr std::size_t kSlices = 5;
using Slices = std::array<double, kSlices>;

/// For what one thread does: noise only ever adds, so the least slice is nearest to what the work itself costs.
inline double least(const Slices& slices) { return *std::min_element(slices.begin(), slices.end()); }

/// As least(), of fewer slices: for work that takes seconds.
template <class Measure>
double least_of_three(Measure measure) {
  const double first = measure(), second = measure(), third = measure();
  return std::min({first, second, third});
}

/// For what several threads do: how they happen to meet makes a slice faster as well as slower.
inline double median(Slices slices) {
  std::sort(slices.begin(), slices.end());
  return slices[kSlices / 2];
}

template <class Measure>
Slices in_slices(Measure measure) {
  Slices slices;
  std::generate(slices.begin(), slices.end(), measure);
  return slices;
}

struct Pair {
  Slices ours;
  Slices floor;
};

/// Both, slice by slice in turn, so that they meet the same state of the machine.
template <class Measure, class MeasureFloor>
Pair in_slices(Measure measure, MeasureFloor measure_floor) {
  Pair pair;
  for (std::size_t slice = 0; slice < kSlices; ++slice) {
    pair.floor[slice] = measure_floor();
    pair.ours[slice] = measure();
  }
  return pair;
}

}  // namespace bench
