#pragma once

#include <cstdio>

namespace bench {

/// Prints one figure as `name number unit`: the form that run.py reads and that a person can read too.
inline void figure(const char* name, double value, const char* unit) {
  std::printf("%-14s %.6g %s\n", name, value, unit);
  // Some programs end by _exit, which does not flush.
  std::fflush(stdout);
}

/// What each of our own programs ends with: ours, the floor of the same run, and the only claim, their ratio.
inline void against_floor(double ours, double floor, const char* unit) {
  figure("ours", ours, unit);
  figure("floor", floor, unit);
  figure("ratio", ours / floor, "x");
}

}  // namespace bench
