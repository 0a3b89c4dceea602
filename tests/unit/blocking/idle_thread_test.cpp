#include "blocking/idle_thread.hpp"

#include <time.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include "base/clock.hpp"
#include "blocking/pool.hpp"
#include "support/eventually.hpp"
#include "support/leak_check.hpp"

using namespace runtime::blocking;
using runtime::base::deadline_after;
using runtime::base::kForever;
using runtime::base::monotonic_now;
using runtime::base::Nanos;

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread that was roused before it waits does not wait") {
  IdleThread self;
  self.rouse();
  self.wait(0, kForever);
  IdleThread looking;
  looking.rouse();
  looking.wait(deadline_after(kForever - 1), kForever);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread waits until its deadline, and may wait again to be roused") {
  IdleThread self;
  const auto deadline = deadline_after(1'000'000);
  self.wait(0, deadline);
  CHECK(monotonic_now() >= deadline);
  std::atomic<bool> back{false};
  std::thread late([&] {
    self.wait(0, kForever);
    back = true;
  });
  CHECK_FALSE(back);
  self.rouse();
  late.join();
  CHECK(back);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread is roused while it looks as well as while it sleeps") {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    IdleThread self;
    std::atomic<bool> is_there{false};
    std::thread waiting([&] {
      const auto looks_until = round % 2 == 0 ? 0 : deadline_after(kShortPause);
      is_there = true;
      self.wait(looks_until, deadline_after(20'000'000'000));
    });
    CHECK(test::eventually([&] { return is_there.load(); }));
    if (round % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    const auto begin = monotonic_now();
    self.rouse();
    waiting.join();
    CHECK(monotonic_now() - begin < 20'000'000'000);
  }
}

namespace {

/// Notes the processor time that its thread has had.
class TimedJob final : public Job {
 public:
  void run() noexcept override {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    used = now.tv_sec * Nanos{1'000'000'000} + now.tv_nsec;
    ran = true;
  }
  void cancel() noexcept override {}

  Nanos used = 0;
  std::atomic<bool> ran{false};
};

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "a pool thread that has had short pauses only sleeps in a long one") {
  PoolOptions options;
  options.max_threads = 1;
  Pool pool(options);
  const auto run = [&pool] {
    TimedJob job;
    CHECK(pool.submit(job) == 0);
    CHECK(test::eventually([&job] { return job.ran.load(); }));
    return job.used;
  };
  Nanos before = 0;
  for (int i = 0; i < 50; ++i) before = run();
  constexpr Nanos kLong = 100'000'000;
  std::this_thread::sleep_for(std::chrono::nanoseconds(kLong));
  CHECK(run() - before < kLong / 4);
  pool.close();
  CHECK(pool.wait_for_threads(kForever));
}
