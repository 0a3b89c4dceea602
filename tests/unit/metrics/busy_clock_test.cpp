#include "metrics/busy_clock.hpp"

#include <doctest/doctest.h>

using runtime::base::monotonic_now;
using runtime::base::Nanos;
using runtime::metrics::BusyClock;

TEST_CASE("the time between start and stop adds up") {
  BusyClock clock;
  CHECK(clock.read() == 0);
  clock.start(1000);
  clock.stop(1300);
  CHECK(clock.read() == 300);
  clock.start(5001);
  clock.stop(5002);
  CHECK(clock.read() == 301);
}

TEST_CASE("what has passed since the last start is counted in") {
  BusyClock clock;
  const Nanos start = monotonic_now();
  clock.start(start);
  const Nanos first = clock.read();
  CHECK(first >= 0);
  CHECK(first <= monotonic_now() - start);
  CHECK(clock.read() >= first);
}

TEST_CASE("a reader that knew more than the stop is never told less") {
  BusyClock clock;
  clock.start(monotonic_now() - 1'000'000);
  const Nanos read = clock.read();
  clock.stop(monotonic_now() - 900'000);  // it had looked at the clock before that reader did
  CHECK(clock.read() == read);
  clock.start(monotonic_now() - 5'000'000);
  CHECK(clock.read() > read);
}
