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
  self.look(kForever);
  self.nap(kForever);
  self.sleep(kForever);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread waits until its deadline, and may wait again to be roused") {
  IdleThread self;
  for (const auto wait : {&IdleThread::look, &IdleThread::nap, &IdleThread::sleep}) {
    const auto deadline = deadline_after(1'000'000);
    (self.*wait)(deadline);
    CHECK(monotonic_now() >= deadline);
  }
  std::atomic<bool> back{false};
  std::thread late([&] {
    self.sleep(kForever);
    back = true;
  });
  CHECK_FALSE(back);
  self.rouse();
  late.join();
  CHECK(back);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread is roused while it looks as well as while it naps or sleeps") {
  constexpr int kRounds = 300;
  constexpr Nanos kLong = 20'000'000'000;
  for (int round = 0; round < kRounds; ++round) {
    IdleThread self;
    std::atomic<bool> is_there{false};
    std::thread waiting([&] {
      is_there = true;
      if (round % 3 == 0) self.look(deadline_after(kLong));
      if (round % 3 == 1) self.nap(deadline_after(kLong));
      self.sleep(deadline_after(kLong));
    });
    CHECK(test::eventually([&] { return is_there.load(); }));
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    const auto begin = monotonic_now();
    if (round % 5 == 0) {
      if (const void* napper = self.rouse_later()) IdleThread::wake(napper);
    } else {
      self.rouse();
    }
    waiting.join();
    CHECK(monotonic_now() - begin < kLong);
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "one that naps can be roused in silence: it is woken later, or goes on when the nap is over") {
  IdleThread awake;
  CHECK(awake.rouse_later() == nullptr);

  const auto rouse_one_that_naps = [](IdleThread& self) {
    CHECK(test::eventually([&] { return self.is_napping(); }));
    return self.rouse_later();
  };
  IdleThread woken;
  std::atomic<bool> back{false};
  std::thread sleeper([&] {
    woken.nap(kForever);
    back = true;
  });
  const void* napper = rouse_one_that_naps(woken);
  REQUIRE(napper != nullptr);
  IdleThread::wake(napper);
  sleeper.join();
  CHECK(back);

  // A nap may be over before it is seen: then another is taken.
  bool roused_in_time = false;
  for (int attempt = 0; attempt < 100 && !roused_in_time; ++attempt) {
    IdleThread left_alone;
    std::thread one([&] {
      left_alone.nap(deadline_after(50'000'000));
      left_alone.sleep(kForever);
    });
    static_cast<void>(test::eventually([&] { return left_alone.is_napping(); }, std::chrono::seconds(1)));
    roused_in_time = left_alone.rouse_later() != nullptr;
    one.join();
  }
  CHECK(roused_in_time);
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
