// EnterGuard: a runtime as the current one, without driving it.

#include <atomic>
#include <thread>
#include <type_traits>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::EnterGuard;

static_assert(!std::is_copy_constructible_v<EnterGuard> && !std::is_move_constructible_v<EnterGuard>);

TEST_CASE("a guard makes the runtime current until it goes, and drives nothing") {
  Checked house;
  bool ran = false;
  {
    const auto guard = house.rt.enter();
    CHECK(Handle::current().id() == house.rt.handle().id());
    runtime::spawn_local([&] { ran = true; });
    runtime::spawn([&] { ran = true; });
    runtime::yield_now();
    CHECK_FALSE(runtime::this_task::try_id().has_value());
    CHECK(house.rt.metrics().num_alive_tasks() == 2);
  }
  CHECK_FALSE(ran);
  CHECK_FALSE(Handle::try_current().has_value());
  CHECK(code_of([] { runtime::spawn([] {}); }) == Errc::no_runtime);
}

TEST_CASE("guards nest: the innermost counts, and each restores the one before") {
  Checked house;
  LocalRuntime other;
  const auto current = [] { return Handle::current().id(); };
  const auto mine = house.rt.handle().id();
  const auto others = other.handle().id();
  {
    const auto first = house.rt.enter();
    CHECK(current() == mine);
    {
      const auto second = other.handle().enter();
      CHECK(current() == others);
      const auto third = house.rt.enter();
      CHECK(current() == mine);
    }
    CHECK(current() == mine);
  }
  CHECK_FALSE(Handle::try_current().has_value());
}

TEST_CASE("with a guard on another thread, spawn and spawn_blocking work and spawn_local says wrong_thread") {
  Checked house;
  const Handle handle = house.rt.handle();
  const auto owner = std::this_thread::get_id();
  house.rt.block_on([&] {
    std::atomic<bool> has_ended{false};
    std::thread other([&] {
      const auto guard = handle.enter();
      CHECK(runtime::spawn([] { return std::this_thread::get_id(); }).join() == owner);
      CHECK(runtime::TaskBuilder().spawn([] { return std::this_thread::get_id(); }).join() == owner);
      CHECK(runtime::spawn_blocking([] { return std::this_thread::get_id(); }).join() != owner);
      CHECK(code_of([] { runtime::spawn_local([] {}); }) == Errc::wrong_thread);
      CHECK(code_of([] { runtime::TaskBuilder().spawn_local([] {}); }) == Errc::wrong_thread);
      handle.spawn([] {}).join();
      has_ended = true;
    });
    CHECK(eventually([&] { return has_ended.load(); }));  // it needs us until then: nobody else runs what it spawns
    CHECK(house.rt.metrics().spawned_tasks_count() == 3);
    other.join();
  });
}

TEST_CASE("join under a guard on the owner thread, outside block_on, drives the runtime") {
  Checked house;
  const auto guard = house.rt.enter();
  CHECK(runtime::spawn_local([] {
          runtime::sleep_for(1ms);
          return 4;
        }).join() == 4);
  CHECK(runtime::spawn_blocking([] { return 5; }).join() == 5);
}

TEST_CASE("a guard that a task holds across a wait does not change where its siblings are") {
  Checked house;
  LocalRuntime other;
  const auto mine = house.rt.handle().id();
  const auto others = other.handle().id();
  const Handle other_handle = other.handle();
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 4; ++i) {
      tasks.push_back(runtime::spawn_local([&, i] {
        if (i % 2 == 0) {
          const auto guard = other_handle.enter();
          for (int turn = 0; turn < 5; ++turn) {
            CHECK(Handle::current().id() == others);
            runtime::yield_now();
          }
          runtime::sleep_for(100us);
          CHECK(Handle::current().id() == others);
        }
        for (int turn = 0; turn < 5; ++turn) {
          CHECK(Handle::current().id() == mine);
          runtime::yield_now();
        }
      }));
    }
    CHECK(Handle::current().id() == mine);
    for (auto& task : tasks) task.join();
    CHECK(Handle::current().id() == mine);
  });
}

TEST_CASE("a guard of another runtime inside a task: spawn goes to that runtime, waits stay with the task") {
  Checked house;
  LocalRuntime other;
  int ran = 0;
  house.rt.block_on([&] {
    runtime::spawn_local([&] {
      const auto guard = other.enter();
      runtime::spawn_local([&] { ++ran; });
      runtime::sleep_for(100us);
    }).join();
  });
  CHECK(ran == 0);
  CHECK(other.metrics().num_alive_tasks() == 1);
  other.block_on([] { settle(); });
  CHECK(ran == 1);
}

TEST_CASE("a guard keeps what it needs of a runtime that ends while it lives") {
  const Limits limits;
  std::optional<LocalRuntime> rt(std::in_place);
  const auto id = rt->handle().id();
  {
    const auto guard = rt->enter();
    rt.reset();
    CHECK(Handle::current().id() == id);
    CHECK(Handle::current().is_shut_down());
    CHECK_THROWS_AS(runtime::spawn_local([] {}).join(), JoinError);
  }
  CHECK_FALSE(Handle::try_current().has_value());
}

TEST_CASE("a guard may be made from a runtime that has been shut down") {
  Checked house;
  house.rt.shutdown_background();
  const auto guard = house.rt.enter();
  CHECK(Handle::current().id() == house.rt.handle().id());
  CHECK_THROWS_AS(runtime::spawn([] {}).join(), JoinError);
}
