#include "blocking/pool_lock.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using namespace runtime::blocking;

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
