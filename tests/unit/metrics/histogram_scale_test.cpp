#include "metrics/histogram_scale.hpp"

#include <doctest/doctest.h>

using runtime::metrics::HistogramScale;

namespace {

/// Every bucket holds what lies between its ends, and they follow each other without a gap.
void check_whole(const HistogramScale& scale) {
  REQUIRE(scale.size() > 0);
  CHECK(scale.begin(0) == 0);
  CHECK(scale.end(scale.size() - 1) == HistogramScale::kNoEnd);
  CHECK(scale.bucket_of(HistogramScale::kNoEnd) == scale.size() - 1);
  for (std::uint32_t bucket = 0; bucket < scale.size(); ++bucket) {
    CAPTURE(bucket);
    CHECK(scale.begin(bucket) < scale.end(bucket));
    CHECK(scale.bucket_of(scale.begin(bucket)) == bucket);
    CHECK(scale.bucket_of(scale.end(bucket) - 1) == bucket);
    if (bucket > 0) CHECK(scale.begin(bucket) == scale.end(bucket - 1));
  }
}

}  // namespace

TEST_CASE("linear buckets are equally wide, and the last takes the rest") {
  const auto scale = HistogramScale::linear(10, 4);
  check_whole(scale);
  CHECK(scale.size() == 4);
  CHECK(scale.begin(2) == 20);
  CHECK(scale.bucket_of(9) == 0);
  CHECK(scale.bucket_of(10) == 1);
  CHECK(scale.bucket_of(1000) == 3);
  check_whole(HistogramScale::linear(10, 1));
}

TEST_CASE("a linear scale that reaches further than numbers do ends where they end") {
  const auto scale = HistogramScale::linear(HistogramScale::kNoEnd / 2, 5);
  CHECK(scale.begin(1) == HistogramScale::kNoEnd / 2);
  CHECK(scale.begin(4) == HistogramScale::kNoEnd);
  CHECK(scale.bucket_of(HistogramScale::kNoEnd - 2) == 1);
}

TEST_CASE("logarithmic buckets are whole, for every precision and range") {
  for (std::uint32_t precision = 0; precision <= 10; ++precision) {
    CAPTURE(precision);
    check_whole(HistogramScale::log(0, 1, precision));
    check_whole(HistogramScale::log(1, 1000, precision));
    check_whole(HistogramScale::log(100, 60'000'000'000, precision));
    check_whole(HistogramScale::log(1 << 20, 1 << 21, precision));
    check_whole(HistogramScale::log(3, std::uint64_t{1} << 62, precision));
  }
}

TEST_CASE("a logarithmic scale divides each power of two into 2^precision parts") {
  const auto scale = HistogramScale::log(0, 64, 2);
  // 0 to 7 each for itself, then 8 10 12 14 16 20 24 28 32 40 48 56, and all from 64 on.
  CHECK(scale.size() == 8 + 12 + 1);
  CHECK(scale.begin(9) == 10);
  CHECK(scale.begin(12) == 16);
  CHECK(scale.begin(17) == 40);
  CHECK(scale.begin(20) == 64);
}

TEST_CASE("the first bucket ends with the one that the smallest value begins, the last begins at or above the largest") {
  const auto scale = HistogramScale::log(100, 60'000'000'000, 2);
  CHECK(scale.size() == 119);  // as Tokio's default
  CHECK(scale.bucket_of(0) == 0);
  CHECK(scale.bucket_of(100) == 1);
  CHECK(scale.begin(118) >= 60'000'000'000);
  CHECK(scale.begin(117) < 60'000'000'000);
}
