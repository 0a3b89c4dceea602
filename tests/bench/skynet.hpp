#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "clock.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace bench {

/// A tree of tasks: each makes ten, down to the leaves, and adds up what they return.
constexpr std::uint64_t kSkynetChildren = 10;

/// The number of leaves, which has to be a power of ten.
inline std::uint64_t skynet_leaves(const Options& options) {
  const std::uint64_t leaves = options.count("leaves");
  std::uint64_t power = 1;
  while (power < leaves) power *= kSkynetChildren;
  if (power != leaves) {
    std::fprintf(stderr, "--leaves must be a power of ten\n");
    std::exit(2);
  }
  return leaves;
}

/// Milliseconds that `build()` takes for one tree, by the clock on the wall; `build` returns the sum of the leaves.
template <class Build>
double skynet_milliseconds(std::uint64_t leaves, Build build) {
  WallStopwatch stopwatch;
  stopwatch.start();
  const std::uint64_t sum = build();
  stopwatch.stop();
  if (sum != leaves * (leaves - 1) / 2) {
    std::fprintf(stderr, "the tree adds up to %llu\n", static_cast<unsigned long long>(sum));
    std::exit(1);
  }
  return stopwatch.nanoseconds_per(1) / 1e6;
}

/// The least of three trees after a first one, which has the page faults. One thread: noise only adds.
template <class Build>
double warm_skynet_milliseconds(std::uint64_t leaves, Build build) {
  skynet_milliseconds(leaves, build);
  return least_of_three([&] { return skynet_milliseconds(leaves, build); });
}

}  // namespace bench
