// Wakes and spawns from many threads at once, through the public interface alone: none may be lost, or something here
// waits for ever. ThreadSanitizer watches the hand-overs.

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "support/leak_check.hpp"

using namespace std::chrono_literals;

namespace {

constexpr int kThreads = 4;
constexpr int kEach = 5'000;

struct Fixture : test::LeakCheck {
  ~Fixture() { test::check_quiet(rt.metrics()); }

  /// Runs f(t) on each of the threads while the root sleeps and the runtime is driven.
  template <class F>
  void with_threads(F f) {
    std::atomic<int> running{kThreads};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        f(t);
        --running;
      });
    }
    rt.block_on([&] {
      while (running != 0) runtime::sleep_for(200us);
    });
    for (std::thread& thread : threads) thread.join();
  }

  runtime::LocalRuntime rt;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "four threads spawn five thousand tasks each and join every one") {
  const runtime::Handle handle = rt.handle();
  std::atomic<long> sum{0};
  long runs = 0;  // the owner's alone
  with_threads([&](int) {
    for (int i = 0; i < kEach; ++i) sum += handle.spawn([&runs, i] { return ++runs, i; }).join();
  });
  CHECK(runs == kThreads * kEach);
  CHECK(sum == long{kThreads} * kEach * (kEach - 1) / 2);
  CHECK(rt.metrics().remote_schedule_count() >= kThreads * kEach);
}

TEST_CASE_FIXTURE(Fixture, "four threads spawn without looking back, and every task runs") {
  const runtime::Handle handle = rt.handle();
  long runs = 0;
  with_threads([&](int) {
    for (int i = 0; i < kEach; ++i) handle.spawn([&runs] { ++runs; });
  });
  rt.block_on([&] {
    while (rt.metrics().num_alive_tasks() != 0 || rt.metrics().global_queue_depth() != 0) runtime::yield_now();
  });
  CHECK(runs == kThreads * kEach);
}

TEST_CASE_FIXTURE(Fixture, "every pool thread's end wakes the task that waits for it") {
  long sum = 0;
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> tasks;
    for (int t = 0; t < kThreads; ++t) {
      tasks.push_back(runtime::spawn_local([&] {
        for (int i = 0; i < kEach; ++i) {
          if (i % 2 == 0) {
            sum += runtime::offload([i] { return i; });
          } else {
            sum += runtime::spawn_blocking([i] { return i; }).join();
          }
        }
      }));
    }
    for (auto& task : tasks) task.join();
  });
  CHECK(sum == long{kThreads} * kEach * (kEach - 1) / 2);
}

TEST_CASE_FIXTURE(Fixture, "aborts from four threads meet tasks at every stage of their lives") {
  const runtime::Handle handle = rt.handle();
  std::atomic<long> ended{0}, cancelled{0};
  with_threads([&](int t) {
    for (int i = 0; i < kEach / 5; ++i) {
      auto task = handle.spawn([i] {
        for (int turn = 0; turn < i % 4; ++turn) runtime::yield_now();
        if (i % 3 == 0) runtime::sleep_for(1h);
      });
      auto abort = task.abort_handle();
      if (t % 2 == 0) std::this_thread::yield();
      if (i % 3 == 0 || i % 2 == 0) abort.abort();
      try {
        task.join();
        ++ended;
      } catch (const runtime::JoinError&) {
        ++cancelled;
      }
      CHECK(abort.is_finished());
    }
  });
  CHECK(ended + cancelled == kThreads * (kEach / 5));
  CHECK(cancelled >= kThreads * (kEach / 5) / 3);
}

TEST_CASE_FIXTURE(Fixture, "join_for with limits that come at the moment of the end gives each result once") {
  const runtime::Handle handle = rt.handle();
  std::atomic<long> sum{0};
  with_threads([&](int t) {
    for (int i = 0; i < kEach / 5; ++i) {
      auto task = handle.spawn([i] {
        runtime::yield_now();
        return i;
      });
      std::optional<int> result;
      while (!(result = task.join_for(std::chrono::microseconds((i + t) % 50)))) {
      }
      sum += *result;
    }
  });
  const long each = kEach / 5;
  CHECK(sum == kThreads * each * (each - 1) / 2);
}

TEST_CASE_FIXTURE(Fixture, "a runtime that goes while threads spawn finishes every handle") {
  for (int round = 0; round < 50; ++round) {
    runtime::LocalRuntime other;
    const runtime::Handle handle = other.handle();
    std::atomic<long> ended{0}, cancelled{0};
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          auto task = handle.spawn([] {});
          ++begun;
          try {
            task.join();
            ++ended;
          } catch (const runtime::JoinError&) {
            ++cancelled;
          }
        }
      });
    }
    other.block_on([&] {
      while (begun < 20) runtime::sleep_for(50us);
    });
    other.shutdown_timeout(1h);
    for (std::thread& thread : threads) thread.join();
    CHECK(ended + cancelled == kThreads * 100);
    test::check_quiet(other.metrics());
  }
}
