#include "driver/clock.hpp"

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using runtime::base::kForever;
using runtime::base::monotonic_now;
using runtime::base::Nanos;
using runtime::driver::Clock;

TEST_CASE("a clock that nobody has paused is CLOCK_MONOTONIC") {
  const Clock clock;
  const Nanos before = monotonic_now();
  const Nanos now = clock.now();
  CHECK(before <= now);
  CHECK(now <= monotonic_now());
  CHECK(clock.is_real());
  CHECK_FALSE(clock.is_paused());
  for (const Nanos moment : {Nanos{-1}, Nanos{0}, now, kForever - 1, kForever}) {
    CHECK(clock.to_monotonic(moment) == moment);
    CHECK(clock.from_monotonic(moment) == moment);
  }
}

TEST_CASE("a paused clock stands where it was, and moves only forward") {
  Clock clock;
  const Nanos before = monotonic_now();
  clock.pause();
  const Nanos stood = clock.now();
  CHECK(before <= stood);
  CHECK(stood <= monotonic_now());
  CHECK(clock.now() == stood);
  CHECK(clock.is_paused());
  CHECK_FALSE(clock.is_real());
  clock.advance_to(stood - 1);
  CHECK(clock.now() == stood);
  clock.advance_to(stood + 5);
  CHECK(clock.now() == stood + 5);
  CHECK(clock.deadline_after(7) == stood + 12);
  CHECK(clock.deadline_after(kForever) == kForever);
}

TEST_CASE("no real time brings a paused clock's deadline nearer; a real one is as far as it was") {
  Clock clock;
  clock.pause();
  CHECK(clock.to_monotonic(clock.now()) == kForever);
  clock.advance_to(clock.now() + 1'000'000'000'000);
  const Nanos far = 3'600'000'000'000;
  const Nanos there = clock.from_monotonic(monotonic_now() + far);
  CHECK(there <= clock.now() + far);
  CHECK(there > clock.now() + far / 2);
  CHECK(clock.from_monotonic(kForever) == kForever);
}

TEST_CASE("a resumed clock goes on from where it stood, ahead or behind") {
  const Nanos hour = 3'600'000'000'000;
  Clock ahead;
  ahead.pause();
  const Nanos stood = ahead.now() + hour;
  ahead.advance_to(stood);
  ahead.resume();
  CHECK(ahead.now() >= stood);
  CHECK(ahead.now() < stood + hour);
  CHECK_FALSE(ahead.is_real());
  const Nanos due = ahead.to_monotonic(stood + hour);
  CHECK(due > monotonic_now());
  CHECK(due < monotonic_now() + 2 * hour);
  ahead.pause();
  CHECK(ahead.now() >= stood);

  Clock behind;
  behind.pause();
  const Nanos then = behind.now();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  behind.resume();
  CHECK(behind.now() >= then);
  CHECK(behind.now() <= monotonic_now() - 2'000'000);
  CHECK(behind.to_monotonic(then) >= then + 2'000'000);
}

TEST_CASE("the end of time stays ahead") {
  Clock clock;
  clock.pause();
  clock.advance_to(kForever);
  CHECK(clock.now() == kForever - 1);
  CHECK(clock.deadline_after(1) == kForever);
  CHECK(clock.to_monotonic(kForever) == kForever);
  clock.resume();
  CHECK(clock.now() >= kForever - 1);
  CHECK(clock.to_monotonic(kForever - 1) <= monotonic_now());
}

TEST_CASE_FIXTURE(test::LeakCheck, "no thread sees the clock go back while it is paused, moved and resumed") {
  Clock clock;
  std::atomic<bool> stop{false};
  std::atomic<long> went_back{0}, reads{0};
  std::thread reader([&] {
    Nanos last = 0;
    for (; !stop; std::this_thread::yield()) {  // Valgrind runs one thread at a time
      const Nanos now = clock.now();
      if (now < last) ++went_back;
      last = now;
      ++reads;
    }
  });
  while (reads == 0) std::this_thread::yield();
  for (int i = 0; i < 20'000; ++i) {
    clock.pause();
    if (i % 3 == 0) clock.advance_to(clock.now() + 100);
    clock.resume();
  }
  stop = true;
  reader.join();
  CHECK(went_back == 0);
}
