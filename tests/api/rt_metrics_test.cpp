// RuntimeMetrics: what is counted, and that it is exact.

#include <atomic>
#include <thread>
#include <type_traits>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::RuntimeMetrics;

static_assert(std::is_copy_constructible_v<RuntimeMetrics> && std::is_copy_assignable_v<RuntimeMetrics>);

TEST_CASE("a new runtime has counted nothing") {
  Checked house;
  const RuntimeMetrics metrics = house.rt.metrics();
  CHECK(metrics.num_alive_tasks() == 0);
  CHECK(metrics.spawned_tasks_count() == 0);
  CHECK(metrics.global_queue_depth() == 0);
  CHECK(metrics.local_queue_depth() == 0);
  CHECK(metrics.blocking_queue_depth() == 0);
  CHECK(metrics.num_blocking_threads() == 0);
  CHECK(metrics.num_idle_blocking_threads() == 0);
  CHECK(metrics.worker_park_count() == 0);
  CHECK(metrics.worker_poll_count() == 0);
  CHECK(metrics.remote_schedule_count() == 0);
  CHECK(metrics.stacks_in_use() == 0);
  CHECK(metrics.stacks_pooled() == 0);
}

TEST_CASE("tasks are alive from the spawn to their end; the root and blocking closures are none of them") {
  Checked house;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(runtime::spawn_local([] { wait_for_ever(); }));
    CHECK(house.rt.metrics().num_alive_tasks() == 5);
    CHECK(house.rt.metrics().local_queue_depth() == 5);
    runtime::spawn_blocking([] {}).join();
    settle();
    CHECK(house.rt.metrics().num_alive_tasks() == 5);
    CHECK(house.rt.metrics().local_queue_depth() == 0);
    tasks[0].abort();
    CHECK(house.rt.metrics().num_alive_tasks() == 5);
    tasks[0].wait();
    CHECK(house.rt.metrics().num_alive_tasks() == 4);
    CHECK(house.rt.metrics().spawned_tasks_count() == 5);
    for (auto& task : tasks) task.abort();
  });
}

TEST_CASE("resumes of tasks are counted one by one, and the root's turns are not") {
  Checked house;
  house.rt.block_on([&] {
    runtime::spawn_local([] {}).join();
    CHECK(house.rt.metrics().worker_poll_count() == 1);
    runtime::spawn_local([] {
      for (int i = 0; i < 9; ++i) runtime::yield_now();
    }).join();
    CHECK(house.rt.metrics().worker_poll_count() == 11);
    for (int i = 0; i < 50; ++i) runtime::yield_now();
    runtime::sleep_for(1us);
    CHECK(house.rt.metrics().worker_poll_count() == 11);
  });
}

TEST_CASE("the thread's sleeps are counted") {
  Checked house;
  house.rt.block_on([&] {
    const auto before = house.rt.metrics().worker_park_count();
    for (int i = 0; i < 3; ++i) runtime::sleep_for(200us);
    const auto after = house.rt.metrics().worker_park_count();
    CHECK(after >= before + 3);
    for (int i = 0; i < 100; ++i) runtime::spawn_local([] { runtime::yield_now(); }).join();
    CHECK(house.rt.metrics().worker_park_count() == after);  // never idle meanwhile
  });
}

TEST_CASE("wakes and spawns of other threads are counted, those of the owner are not") {
  Checked house;
  const Handle handle = house.rt.handle();
  std::vector<JoinHandle<void>> tasks;
  std::thread([&] {
    for (int i = 0; i < 7; ++i) tasks.push_back(handle.spawn([] { wait_for_ever(); }));
  }).join();
  CHECK(handle.metrics().remote_schedule_count() == 7);
  CHECK(handle.metrics().global_queue_depth() == 7);
  house.rt.block_on([&] {
    settle();
    CHECK(handle.metrics().global_queue_depth() == 0);
    CHECK(handle.metrics().spawned_tasks_count() == 7);
    CHECK(handle.metrics().num_alive_tasks() == 7);
    for (int i = 0; i < 20; ++i) runtime::spawn([] { runtime::yield_now(); }).join();
    CHECK(handle.metrics().remote_schedule_count() == 7);
    std::thread([&] {
      for (auto& task : tasks) task.abort();
    }).join();
    CHECK(handle.metrics().remote_schedule_count() == 14);
    for (auto& task : tasks) task.wait();
  });
}

TEST_CASE("stacks are in use from the first resume to the end, and then pooled for the next task") {
  Checked house;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 6; ++i) tasks.push_back(runtime::spawn_local([] { wait_for_ever(); }));
    CHECK(house.rt.metrics().stacks_in_use() == 0);
    settle();
    CHECK(house.rt.metrics().stacks_in_use() == 6);
    for (auto& task : tasks) task.abort();
    for (auto& task : tasks) task.wait();
    CHECK(house.rt.metrics().stacks_in_use() == 0);
    CHECK(house.rt.metrics().stacks_pooled() == 6);
    for (int i = 0; i < 100; ++i) runtime::spawn_local([] {}).join();
    CHECK(house.rt.metrics().stacks_pooled() == 6);
  });
}

TEST_CASE("stacks of other sizes are counted as well") {
  Checked house;
  house.rt.block_on([&] {
    runtime::TaskBuilder builder;
    auto one = builder.stack_size(65536).spawn_local([] { wait_for_ever(); });
    auto two = builder.stack_size(1 << 20).spawn_local([] { wait_for_ever(); });
    settle();
    CHECK(house.rt.metrics().stacks_in_use() == 2);
    one.abort();
    two.abort();
    one.wait();
    two.wait();
    CHECK(house.rt.metrics().stacks_in_use() == 0);
    CHECK(house.rt.metrics().stacks_pooled() == 2);
  });
}

TEST_CASE("no more stacks are pooled than the limit allows") {
  constexpr std::size_t kSize = 65536;
  Checked house(Builder().stack_size(kSize).stack_pool_limit(3 * kSize));
  house.rt.block_on([&] {
    for (int round = 0; round < 3; ++round) {
      std::vector<JoinHandle<void>> tasks;
      for (int i = 0; i < 20; ++i) tasks.push_back(runtime::spawn_local([] { runtime::sleep_for(100us); }));
      settle();
      CHECK(house.rt.metrics().stacks_in_use() == 20);
      for (auto& task : tasks) task.join();
      runtime::yield_now();
      CHECK(house.rt.metrics().stacks_in_use() == 0);
      CHECK(house.rt.metrics().stacks_pooled() <= 3);
    }
  });
}

TEST_CASE("blocking closures and threads are counted while they are there") {
  Checked house(Builder().max_blocking_threads(2));
  std::atomic<int> inside{0};
  std::atomic<bool> release{false};
  std::vector<JoinHandle<void>> tasks;
  for (int i = 0; i < 5; ++i) {
    tasks.push_back(house.rt.spawn_blocking([&] {
      ++inside;
      eventually([&] { return release.load(); });
    }));
  }
  CHECK(eventually([&] { return inside == 2; }));
  CHECK(house.rt.metrics().blocking_queue_depth() == 3);
  CHECK(house.rt.metrics().num_blocking_threads() == 2);
  CHECK(house.rt.metrics().num_idle_blocking_threads() == 0);
  release = true;
  for (auto& task : tasks) task.join();
  CHECK(eventually([&] { return house.rt.metrics().num_idle_blocking_threads() == 2; }));
  CHECK(house.rt.metrics().blocking_queue_depth() == 0);
  CHECK(house.rt.metrics().num_alive_tasks() == 0);
}

TEST_CASE("a snapshot does not change, and is valid after the runtime") {
  const Limits limits;
  std::optional<RuntimeMetrics> snapshot;
  {
    LocalRuntime rt;
    rt.block_on([&] {
      auto task = runtime::spawn_local([] { wait_for_ever(); });
      settle();
      snapshot = rt.metrics();
      task.abort();
    });
    CHECK(snapshot->num_alive_tasks() == 1);
  }
  CHECK(snapshot->num_alive_tasks() == 1);
  CHECK(snapshot->stacks_in_use() == 1);
}

TEST_CASE("metrics can be read by other threads while the runtime works") {
  Checked house;
  const Handle handle = house.rt.handle();
  std::atomic<bool> stop{false};
  bool falls = false;
  std::thread reader([&] {
    for (std::uint64_t last = 0; !stop;) {
      const std::uint64_t now = handle.metrics().worker_poll_count();
      falls = falls || now < last;
      last = now;
    }
  });
  house.rt.block_on([] {
    for (int i = 0; i < 2000; ++i) runtime::spawn_local([] { runtime::yield_now(); }).join();
  });
  stop = true;
  reader.join();
  CHECK_FALSE(falls);
  CHECK(handle.metrics().spawned_tasks_count() == 2000);
}

TEST_CASE("a task of another thread is alive, counted and in a dump from its spawn on, also before the owner has taken it") {
  Checked house;
  std::thread([handle = house.rt.handle()] {
    for (int i = 0; i < 10; ++i) handle.spawn([] {});
  }).join();
  auto metrics = house.rt.metrics();
  CHECK(metrics.num_alive_tasks() == 10);
  CHECK(metrics.spawned_tasks_count() == 10);
  CHECK(metrics.global_queue_depth() == 10);
  CHECK(house.rt.handle().dump().size() == 10);
  house.rt.block_on([&] { CHECK(eventually([&] { return house.rt.metrics().num_alive_tasks() == 0; })); });
  metrics = house.rt.metrics();
  CHECK(metrics.spawned_tasks_count() == 10);
  CHECK(metrics.global_queue_depth() == 0);
}

TEST_CASE("a shutdown counts tasks of other threads that it finds in the queue") {
  Checked house;
  std::thread([handle = house.rt.handle()] { handle.spawn([] {}); }).join();
  CHECK(house.rt.shutdown_timeout(1s).tasks_cancelled == 1);
  CHECK(house.rt.metrics().num_alive_tasks() == 0);
}
