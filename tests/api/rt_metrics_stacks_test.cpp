// RuntimeMetrics of stacks: what is in memory now, and how deep the deepest went.

#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

constexpr std::uint64_t kPage = 4096;

/// Uses so many bytes of the stack it is called on, all of them.
[[gnu::noinline]] int use(std::size_t bytes) {
  volatile char block[2048];
  for (std::size_t i = 0; i < sizeof block; ++i) block[i] = 1;
  return bytes > sizeof block ? use(bytes - sizeof block) + block[64] : block[0];
}

}  // namespace

TEST_CASE("no stack, nothing in memory") {
  Checked house;
  CHECK(house.rt.metrics().stack_bytes_resident() == 0);
  CHECK(house.rt.metrics().stack_high_water() == 0);
  house.rt.block_on([] { static_cast<void>(use(100'000)); });  // the root's stack is the caller's
  CHECK(house.rt.metrics().stack_high_water() == 0);
}

TEST_CASE("parked tasks keep what they have touched in memory, whole pages of it") {
  Checked house(Builder().stack_size(16 * kPage));
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 50; ++i) tasks.push_back(runtime::spawn_local([] { wait_for_ever(); }));
    settle();
    const auto metrics = house.rt.metrics();
    CHECK(metrics.stack_bytes_resident() >= 50 * kPage);
    CHECK(metrics.stack_bytes_resident() <= 50 * 16 * kPage);
    CHECK(metrics.stack_bytes_resident() % kPage == 0);
    CHECK(metrics.stack_high_water() % kPage == 0);
    for (auto& task : tasks) task.abort();
    for (auto& task : tasks) task.wait();
  });
}

TEST_CASE("the high water is that of the deepest task, while it runs and for ever after") {
  Checked house;
  house.rt.block_on([&] {
    runtime::spawn_local([] {}).join();
    const auto shallow = house.rt.metrics().stack_high_water();
    CHECK(shallow >= kPage);
    CHECK(shallow <= 8 * kPage);
    runtime::spawn_local([&] {
      static_cast<void>(use(100'000));
      CHECK(house.rt.metrics().stack_high_water() >= 100'000);
      CHECK(house.rt.metrics().stack_high_water() == runtime::this_task::stack_high_water());
    }).join();
    for (int i = 0; i < 100; ++i) runtime::spawn_local([] { runtime::yield_now(); }).join();
    CHECK(house.rt.metrics().stack_high_water() >= 100'000);
    CHECK(house.rt.metrics().stack_high_water() <= 160'000);
    CHECK(house.rt.metrics().stack_bytes_resident() < 100'000);  // its pages have been given back
  });
}

TEST_CASE("stacks of every size are counted, and those of tasks that never ran") {
  Checked house;
  house.rt.block_on([&] {
    runtime::TaskBuilder builder;
    builder.stack_size(8 << 20);
    builder.spawn_local([] { static_cast<void>(use(3 << 20)); }).join();
    CHECK(house.rt.metrics().stack_high_water() >= 3 << 20);
    auto unstarted = runtime::spawn_local([gone = Farewell([] { static_cast<void>(use(50'000)); })] {});
    unstarted.abort();
    unstarted.wait();
    CHECK(house.rt.metrics().stack_bytes_resident() >= kPage);
  });
}

TEST_CASE("after the shutdown nothing is in memory, and the high water is still known") {
  LocalRuntime rt;
  rt.block_on([] {
    runtime::spawn_local([] { static_cast<void>(use(60'000)); }).join();
    static_cast<void>(runtime::spawn_local([] { wait_for_ever(); }));
    settle();
  });
  const Handle handle = rt.handle();
  rt.shutdown_timeout(10s);
  CHECK(handle.metrics().stack_bytes_resident() == 0);
  CHECK(handle.metrics().stack_high_water() >= 60'000);
}

TEST_CASE("stacks that the pool gives back are in memory no more") {
  Checked house(Builder().stack_size(16 * kPage).stack_pool_limit(1));
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 20; ++i) tasks.push_back(runtime::spawn_local([] { static_cast<void>(use(30'000)); }));
    for (auto& task : tasks) task.join();
    runtime::yield_now();
    CHECK(house.rt.metrics().stacks_pooled() == 0);
    CHECK(house.rt.metrics().stack_bytes_resident() == 0);
    CHECK(house.rt.metrics().stack_high_water() >= 30'000);
  });
}
