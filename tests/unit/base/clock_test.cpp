#include "base/clock.hpp"

#include <doctest/doctest.h>

using namespace runtime::base;

TEST_CASE("the clock never goes back, and counts nanoseconds since the machine started") {
  timespec before, after;
  ::clock_gettime(CLOCK_MONOTONIC, &before);
  const Nanos now = monotonic_now();
  ::clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK(now >= before.tv_sec * Nanos{1'000'000'000} + before.tv_nsec);
  CHECK(now <= after.tv_sec * Nanos{1'000'000'000} + after.tv_nsec);
}

TEST_CASE("a deadline is now and the duration") {
  const Nanos before = monotonic_now();
  const Nanos deadline = deadline_after(5'000);
  CHECK(deadline >= before + 5'000);
  CHECK(deadline <= monotonic_now() + 5'000);
  CHECK(deadline_after(0) >= before);
  const Nanos past = deadline_after(-1'000'000);
  CHECK(past < monotonic_now());
}

TEST_CASE("a duration too long to add never ends, instead of ending at once") {
  CHECK(deadline_after(kForever) == kForever);
  CHECK(deadline_after(kForever - 1) == kForever);
  const Nanos long_but_finite = kForever - monotonic_now() - 1'000'000'000'000;
  CHECK(deadline_after(long_but_finite) < kForever);
  CHECK(deadline_after(long_but_finite) > long_but_finite);
}

TEST_CASE("nanoseconds become seconds and the rest") {
  CHECK(to_timespec(0).tv_sec == 0);
  CHECK(to_timespec(0).tv_nsec == 0);
  CHECK(to_timespec(1'999'999'999).tv_sec == 1);
  CHECK(to_timespec(1'999'999'999).tv_nsec == 999'999'999);
  CHECK(to_timespec(kForever).tv_nsec < 1'000'000'000);
  CHECK(to_timespec(kForever).tv_sec == kForever / 1'000'000'000);
}
