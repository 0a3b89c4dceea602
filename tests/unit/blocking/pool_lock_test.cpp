#include "blocking/pool_lock.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/clock.hpp"
#include "blocking/idle_thread.hpp"
#include "support/eventually.hpp"
#include "support/leak_check.hpp"

using namespace runtime::blocking;
using runtime::base::deadline_after;
using runtime::base::kForever;
using runtime::base::monotonic_now;

TEST_CASE_FIXTURE(test::LeakCheck, "only one thread at a time is behind the lock, however long each stays") {
  PoolLock lock;
  constexpr int kThreads = 4, kRounds = 500;
  int inside = 0, count = 0;
  std::atomic<int> met{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        const std::lock_guard held(lock);
        met += inside++;
        // Now and then for longer than the others look before they sleep.
        if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
        --inside;
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(met == 0);
  CHECK(count == kThreads * kRounds);
}

TEST_CASE_FIXTURE(test::LeakCheck, "the lock serves a condition variable") {
  PoolLock lock;
  std::condition_variable_any changed;
  bool ready = false;
  std::thread waiting([&] {
    std::unique_lock held(lock);
    CHECK(changed.wait_for(held, std::chrono::seconds(20), [&] { return ready; }));
  });
  {
    const std::lock_guard held(lock);
    ready = true;
  }
  changed.notify_all();
  waiting.join();
}

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread that was roused before it waits does not wait") {
  IdleThread self;
  self.rouse();
  self.wait(0, kForever);
  IdleThread looking;
  looking.rouse();
  looking.wait(deadline_after(kForever - 1), kForever);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread waits until its deadline, and can be waited for to be roused after it") {
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
