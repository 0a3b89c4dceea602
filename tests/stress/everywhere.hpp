#pragma once

// Fibers of two runtimes and plain threads that all do the same to one object, while others are aborted in it.

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "support/leak_check.hpp"

namespace sync_stress {  // at global scope the alias would meet sync() of <unistd.h>

using namespace std::chrono_literals;
namespace sync = runtime::sync;

inline constexpr int kThreads = 4;
inline constexpr int kFibers = 6;  // of each runtime
inline constexpr int kEach = 400;
inline constexpr int kAll = kThreads + 2 * kFibers;

using Random = std::mt19937;

/// One runtime's part: each of its fibers runs f(number, random).
template <class F>
void run_fibers(int first, const F& f) {
  const auto one = [&f](int number) {
    Random random(static_cast<unsigned>(number) * 7919u + 1);
    return runtime::spawn_local([&f, number, random]() mutable { f(number, random); });
  };
  std::vector<runtime::JoinHandle<void>> tasks;
  for (int i = 0; i < kFibers; ++i) tasks.push_back(one(first + i));
  for (auto& task : tasks) task.join();
}

/// Beside them, one victim after the other: a task that waits in f for ever, until it is aborted.
template <class F>
void abort_again_and_again(const std::atomic<int>& running, const F& f) {
  Random random(99);
  while (running != 0) {
    auto victim = runtime::spawn_local([&f] {
      for (;;) f();
    });
    for (unsigned turns = random() % 6; turns != 0; --turns) runtime::yield_now();
    if (random() % 2 == 0) runtime::sleep_for(10us);
    victim.abort();
    CHECK_THROWS_AS(victim.join(), runtime::JoinError);
  }
}

/// f(number, random) on four threads and on the fibers of two runtimes, `victim()` on fibers that are aborted meanwhile.
template <class F, class V>
void everywhere(const F& f, const V& victim) {
  std::atomic<int> running{kAll};
  const auto counted = [&](int number, Random& random) {
    f(number, random);
    --running;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Random random(static_cast<unsigned>(i));
      counted(i, random);
    });
  }
  const auto runtime_part = [&](int first) {
    runtime::LocalRuntime rt;
    rt.block_on([&] {
      auto aborter = runtime::spawn_local([&] { abort_again_and_again(running, victim); });
      run_fibers(first, counted);
      aborter.join();
    });
    test::check_quiet(rt.metrics());
  };
  threads.emplace_back([&] { runtime_part(kThreads); });
  runtime_part(kThreads + kFibers);
  for (std::thread& thread : threads) thread.join();
}

inline void give_way_sometimes(Random& random) {
  if (random() % 8 == 0) runtime::yield_now();
}

}  // namespace sync_stress
