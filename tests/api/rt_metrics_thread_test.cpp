// RuntimeMetrics of the owner thread: how often it slept, for nothing or not, and how long it was busy.

#include <atomic>
#include <thread>

#include "support.hpp"

using namespace api_test;
using std::chrono::nanoseconds;

namespace {

void compute_for(nanoseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

TEST_CASE("a new runtime has neither slept nor worked") {
  Checked house;
  const auto metrics = house.rt.metrics();
  CHECK(metrics.num_workers() == 1);
  CHECK(metrics.worker_park_unpark_count() == 0);
  CHECK(metrics.worker_noop_count() == 0);
  CHECK(metrics.worker_busy_duration() == 0ns);
  CHECK(metrics.budget_forced_yield_count() == 0);
  CHECK(metrics.io_fd_registered_count() == 0);
  CHECK(metrics.io_ready_count() == 0);
}

TEST_CASE("a sleep between which no task was resumed is one for nothing, as Tokio counts") {
  Checked house;
  house.rt.block_on([] {
    for (int i = 0; i < 3; ++i) runtime::sleep_for(200us);
  });
  const auto alone = house.rt.metrics();
  CHECK(alone.worker_park_count() >= 3);
  CHECK(alone.worker_noop_count() == alone.worker_park_count());
  house.rt.block_on([] {
    runtime::spawn_local([] {}).join();
    runtime::sleep_for(200us);
  });
  CHECK(house.rt.metrics().worker_noop_count() == house.rt.metrics().worker_park_count() - 1);
}

TEST_CASE("park and unpark are counted alike, and their number is odd while the thread sleeps") {
  Checked house;
  const Handle handle = house.rt.handle();
  std::atomic<bool> woken{false};
  std::thread other;
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      while (!woken) runtime::sleep_for(24h);
    });
    other = std::thread([&, abort = task.abort_handle()] {
      CHECK(eventually([&] { return handle.metrics().worker_park_unpark_count() % 2 == 1; }));
      CHECK(handle.metrics().worker_park_count() * 2 == handle.metrics().worker_park_unpark_count() + 1);
      abort.abort();
    });
    task.wait();
    CHECK(handle.metrics().worker_park_unpark_count() % 2 == 0);
  });
  other.join();
  CHECK(handle.metrics().worker_park_unpark_count() == 2 * handle.metrics().worker_park_count());
}

TEST_CASE("busy is the time inside block_on and not asleep, exact at any moment") {
  Checked house;
  house.rt.block_on([&] {
    const auto before = house.rt.metrics().worker_busy_duration();
    compute_for(5ms);
    const auto after = house.rt.metrics().worker_busy_duration();
    CHECK(after - before >= 5ms);
    runtime::spawn_local([] { compute_for(5ms); }).join();
    CHECK(house.rt.metrics().worker_busy_duration() - after >= 5ms);
  });
  const auto outside = house.rt.metrics().worker_busy_duration();
  compute_for(5ms);
  CHECK(house.rt.metrics().worker_busy_duration() == outside);

  const auto start = std::chrono::steady_clock::now();
  house.rt.block_on([] { runtime::sleep_for(300ms); });
  const auto wall = std::chrono::steady_clock::now() - start;
  CHECK(house.rt.metrics().worker_busy_duration() - outside <= wall - 200ms);
}

TEST_CASE("busy never falls, whoever reads it") {
  Checked house;
  const Handle handle = house.rt.handle();
  std::atomic<bool> stop{false};
  bool falls = false;
  std::thread reader([&] {
    for (nanoseconds last{0}; !stop;) {
      const nanoseconds now = handle.metrics().worker_busy_duration();
      falls = falls || now < last;
      last = now;
    }
  });
  for (int i = 0; i < 50; ++i) {
    house.rt.block_on([] {
      runtime::sleep_for(20us);
      compute_for(20us);
    });
  }
  stop = true;
  reader.join();
  CHECK_FALSE(falls);
}

TEST_CASE("a runtime that sleeps inside a fiber of another one is not busy meanwhile") {
  Checked house;
  house.rt.block_on([] {
    runtime::spawn_local([] {
      LocalRuntime inner;
      inner.block_on([] { runtime::sleep_for(300ms); });
      CHECK(inner.metrics().worker_busy_duration() < 200ms);
      CHECK(inner.metrics().worker_park_unpark_count() % 2 == 0);
    }).join();
  });
}
