// LocalRuntime::block_on, the root, run(), and moving a runtime.

#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include "support.hpp"

using namespace api_test;

static_assert(!std::is_copy_constructible_v<LocalRuntime> && !std::is_copy_assignable_v<LocalRuntime>);
static_assert(std::is_nothrow_move_constructible_v<LocalRuntime> && std::is_nothrow_move_assignable_v<LocalRuntime>);

TEST_CASE("block_on gives what its function returns: a value, a move-only value, a reference, nothing") {
  Checked house;
  int number = 5;
  CHECK(house.rt.block_on([] { return 42; }) == 42);
  CHECK(*house.rt.block_on([] { return std::make_unique<int>(7); }) == 7);
  CHECK(&house.rt.block_on([&]() -> int& { return number; }) == &number);
  static_assert(std::is_void_v<decltype(house.rt.block_on([] {}))>);
  bool ran = false;
  house.rt.block_on([&] { ran = true; });
  CHECK(ran);
}

TEST_CASE("block_on accepts a function that can only be moved, or called once") {
  Checked house;
  CHECK(house.rt.block_on([p = std::make_unique<int>(3)] { return *p; }) == 3);
  struct Once {
    int operator()() && { return 4; }
  };
  CHECK(house.rt.block_on(Once()) == 4);
}

TEST_CASE("the root runs on the caller's own thread and stack, a task on another stack") {
  Checked house;
  const auto here = reinterpret_cast<std::intptr_t>(__builtin_frame_address(0));
  const auto distance = [here](void* frame) { return std::abs(reinterpret_cast<std::intptr_t>(frame) - here); };
  const auto thread = std::this_thread::get_id();
  house.rt.block_on([&] {
    CHECK(std::this_thread::get_id() == thread);
    CHECK(distance(__builtin_frame_address(0)) < 65536);
    runtime::spawn_local([&] {
      CHECK(std::this_thread::get_id() == thread);
      CHECK(distance(__builtin_frame_address(0)) > 65536);
    }).join();
  });
}

TEST_CASE("an exception from the root comes out of block_on, and the runtime stays usable") {
  Checked house;
  CHECK_THROWS_WITH_AS(house.rt.block_on([] { throw std::out_of_range("mine"); }), "mine", std::out_of_range);
  CHECK(house.rt.block_on([] { return runtime::spawn_local([] { return 1; }).join(); }) == 1);
}

TEST_CASE("tasks that have not ended when the root returns go on in the next block_on") {
  Checked house;
  int steps = 0;
  auto task = house.rt.block_on([&] {
    auto handle = runtime::spawn_local([&] {
      for (int i = 0; i < 3; ++i) {
        ++steps;
        runtime::sleep_for(1ms);
      }
      return steps;
    });
    runtime::yield_now();
    return handle;
  });
  CHECK(steps == 1);
  CHECK_FALSE(task.is_finished());
  CHECK(house.rt.metrics().num_alive_tasks() == 1);
  CHECK(house.rt.block_on([&] { return task.join(); }) == 3);
}

TEST_CASE("block_on returns with its function, though tasks are ready") {
  Checked house;
  int ran = 0;
  for (int i = 0; i < 10; ++i) house.rt.spawn_local([&] { ++ran; });
  house.rt.block_on([] {});
  CHECK(ran == 0);
  CHECK(house.rt.metrics().local_queue_depth() == 10);
  house.rt.block_on([] { runtime::yield_now(); });
  CHECK(ran == 10);
}

TEST_CASE("a task may be spawned before block_on, and does not run until then") {
  Checked house;
  bool ran = false;
  auto task = house.rt.spawn_local([&] { return ran = true; });
  CHECK_FALSE(ran);
  CHECK(house.rt.block_on([&] { return task.join(); }));
}

TEST_CASE("block_on inside block_on of the same runtime is refused: in the root, in a task, and through a handle") {
  Checked house;
  bool called = false;
  const auto nest = [&] {
    CHECK(code_of([&] { house.rt.block_on([&] { called = true; }); }) == Errc::nested_block_on);
    CHECK(code_of([&] { house.rt.handle().block_on([&] { called = true; }); }) == Errc::nested_block_on);
    CHECK(code_of([&] { Handle::current().block_on([&] { called = true; }); }) == Errc::nested_block_on);
  };
  house.rt.block_on([&] {
    nest();
    runtime::spawn_local(nest).join();
  });
  CHECK_FALSE(called);
}

TEST_CASE("the root has no id and no name, and is in no metric") {
  Checked house;
  house.rt.block_on([&] {
    CHECK_FALSE(runtime::this_task::try_id().has_value());
    CHECK(code_of([] { runtime::this_task::id(); }) == Errc::not_set);
    CHECK(runtime::this_task::name().empty());
    CHECK_FALSE(runtime::this_task::is_cancelled());
    runtime::this_task::check_cancelled();
    runtime::yield_now();
    runtime::sleep_for(1us);
    const auto metrics = house.rt.metrics();
    CHECK(metrics.num_alive_tasks() == 0);
    CHECK(metrics.spawned_tasks_count() == 0);
    CHECK(metrics.worker_poll_count() == 0);
    CHECK(metrics.stacks_in_use() == 0);
  });
}

TEST_CASE("block_on may be called while an exception unwinds the caller, and its tasks are cancelled as always") {
  Checked house;
  bool cancelled = false;
  struct Unwound {
    LocalRuntime& rt;
    bool& cancelled;
    ~Unwound() {
      rt.block_on([this] {
        auto task = runtime::spawn_local([this] {
          try {
            wait_for_ever();
          } catch (const Cancelled&) {
            cancelled = true;
            throw;
          }
        });
        settle();
        task.abort();
        CHECK_THROWS_AS(task.join(), JoinError);
      });
    }
  };
  CHECK_THROWS_AS(([&] {
                    const Unwound unwound{house.rt, cancelled};
                    throw std::runtime_error("unwinds");
                  }()),
                  std::runtime_error);
  CHECK(cancelled);
}

TEST_CASE("run() is a runtime for one call: value, reference, exception, and an end for its tasks") {
  const Limits limits;
  int number = 1;
  CHECK(runtime::run([] { return 6; }) == 6);
  CHECK(&runtime::run([&]() -> int& { return number; }) == &number);
  CHECK_THROWS_AS(runtime::run([] { throw std::logic_error("out"); }), std::logic_error);
  bool unwound = false;
  runtime::run([&] {
    runtime::spawn_local([&] {
      const AtExit mark([&] { unwound = true; });
      wait_for_ever();
    });
    settle();
    CHECK_FALSE(unwound);
  });
  CHECK(unwound);
  CHECK_FALSE(Handle::try_current().has_value());
}

TEST_CASE("a runtime moves on its thread with its tasks; assigning ends the one that was there") {
  const Limits limits;
  LocalRuntime first;
  auto task = first.spawn_local([] { return 9; });
  LocalRuntime second(std::move(first));
  CHECK(code_of([&] { first.block_on([] {}); }) == Errc::shut_down);
  CHECK(second.block_on([&] { return task.join(); }) == 9);

  LocalRuntime third;
  const Handle replaced = third.handle();
  auto lost = third.spawn_local([] {});
  third = std::move(second);
  CHECK(replaced.is_shut_down());
  CHECK(lost.is_finished());
  CHECK_THROWS_AS(lost.join(), JoinError);
  CHECK(third.block_on([] { return 3; }) == 3);
}

TEST_CASE("runtimes of one thread may be used in turn") {
  Checked a;
  LocalRuntime b;
  std::vector<int> order;
  auto in_a = a.rt.spawn_local([&] { order.push_back(1); });
  auto in_b = b.spawn_local([&] { order.push_back(2); });
  b.block_on([&] { in_b.join(); });
  CHECK(order == std::vector<int>{2});
  a.rt.block_on([&] { in_a.join(); });
  CHECK(order == std::vector<int>{2, 1});
}
