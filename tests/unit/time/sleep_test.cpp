#include "time/sleep.hpp"

#include <chrono>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/builder.hpp>
#include <runtime/local_runtime.hpp>
#include <runtime/time.hpp>

#include "support/leak_check.hpp"

using namespace std::chrono_literals;

namespace {

struct Fixture : test::LeakCheck {
  ~Fixture() { test::check_quiet(rt.metrics()); }
  runtime::LocalRuntime rt;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "sleepers wake in the order of their deadlines, not of their going to sleep") {
  std::vector<int> order;
  rt.block_on([&] {
    const auto start = std::chrono::steady_clock::now();
    std::vector<runtime::JoinHandle<void>> handles;
    for (const int place : {3, 1, 4, 0, 2}) {
      handles.push_back(runtime::spawn_local([&order, start, place] {
        runtime::sleep_until(start + 1ms + place * 300us);
        order.push_back(place);
      }));
    }
    for (auto& handle : handles) handle.join();
  });
  CHECK(order == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE_FIXTURE(Fixture, "those who sleep to the same moment wake in the order of their going to sleep") {
  std::vector<int> order;
  rt.block_on([&] {
    const auto end = std::chrono::steady_clock::now() + 2ms;
    std::vector<runtime::JoinHandle<void>> handles;
    for (int i = 0; i < 50; ++i) {
      handles.push_back(runtime::spawn_local([&order, end, i] {
        runtime::sleep_until(end);
        order.push_back(i);
      }));
    }
    for (auto& handle : handles) handle.join();
  });
  std::vector<int> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(i);
  CHECK(order == expected);
}

TEST_CASE_FIXTURE(Fixture, "no sleep is short, of a task, of the root, and of a plain thread") {
  const auto sleeps = [] {
    const auto start = std::chrono::steady_clock::now();
    runtime::sleep_for(1500us);
    return std::chrono::steady_clock::now() - start >= 1500us;
  };
  CHECK(rt.block_on(sleeps));
  CHECK(rt.block_on([&] { return runtime::spawn_local(sleeps).join(); }));
  CHECK(sleeps());
  bool elsewhere = false;
  std::thread([&] { elsewhere = sleeps(); }).join();
  CHECK(elsewhere);
}

TEST_CASE_FIXTURE(Fixture, "a sleep to a moment that has passed gives way once and goes on") {
  std::vector<int> order;
  rt.block_on([&] {
    auto sleeper = runtime::spawn_local([&] {
      order.push_back(1);
      runtime::sleep_until(std::chrono::steady_clock::now() - 1s);
      order.push_back(3);
    });
    auto other = runtime::spawn_local([&] { order.push_back(2); });
    sleeper.join();
    other.join();
  });
  CHECK(order == std::vector{1, 2, 3});
}

TEST_CASE_FIXTURE(Fixture, "an abort ends a sleep, however long") {
  const auto start = std::chrono::steady_clock::now();
  rt.block_on([] {
    auto sleeper = runtime::spawn_local([] { runtime::sleep_for(std::chrono::hours::max()); });
    runtime::yield_now();
    sleeper.abort();
    CHECK_THROWS_AS(sleeper.join(), runtime::JoinError);
  });
  CHECK(std::chrono::steady_clock::now() - start < 20s);
}

TEST_CASE_FIXTURE(Fixture, "the inner sleep tells cancellation from the deadline") {
  using runtime::time::SleepEnd;
  rt.block_on([] {
    SleepEnd aborted{};
    auto sleeper = runtime::spawn_local([&] { aborted = runtime::time::park_until(runtime::base::kForever); });
    runtime::yield_now();
    sleeper.abort();
    sleeper.wait();
    CHECK(aborted == SleepEnd::cancelled);
    CHECK(runtime::time::park_until(runtime::base::deadline_after(100'000)) == SleepEnd::elapsed);
  });
}

TEST_CASE_FIXTURE(Fixture, "a negative duration is refused") {
  CHECK_THROWS_AS(runtime::sleep_for(-1ns), runtime::Error);
}
