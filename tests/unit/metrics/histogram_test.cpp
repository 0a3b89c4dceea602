#include "metrics/histogram.hpp"

#include <doctest/doctest.h>

using runtime::metrics::Histogram;
using runtime::metrics::HistogramScale;

TEST_CASE("a duration counts in its bucket and in the sum; one below zero as nothing") {
  Histogram histogram(HistogramScale::linear(10, 3));
  for (const runtime::base::Nanos duration : {0, 9, 10, 25, 1000, -5}) histogram.record(duration);
  CHECK(histogram.count(0) == 3);
  CHECK(histogram.count(1) == 1);
  CHECK(histogram.count(2) == 2);
  CHECK(histogram.sum() == 1044);
  CHECK(histogram.scale().size() == 3);
}
