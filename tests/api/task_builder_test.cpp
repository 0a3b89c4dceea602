// TaskBuilder and what a task can ask of itself.

#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::TaskBuilder;
namespace this_task = runtime::this_task;

TEST_CASE("a name is the task's as long as it runs, in every kind of task") {
  Checked house;
  house.rt.block_on([] {
    const auto ask = [] {
      runtime::yield_now();
      return std::string(this_task::name());
    };
    std::string name = "worker with a name that is not short";
    TaskBuilder builder;
    builder.name(name);
    auto local = builder.spawn_local(ask);
    auto any = builder.spawn(ask);
    auto blocking = builder.spawn_blocking(ask);
    name.assign(name.size(), '#');  // the builder keeps its own copy, and so does each task
    builder.name("another");
    CHECK(local.join() == "worker with a name that is not short");
    CHECK(any.join() == "worker with a name that is not short");
    CHECK(blocking.join() == "worker with a name that is not short");
    CHECK(builder.spawn_local(ask).join() == "another");
    CHECK(runtime::spawn_local(ask).join().empty());
    CHECK(this_task::name().empty());
  });
}

TEST_CASE("the name stays while captures are destroyed, and siblings do not see it") {
  Checked house;
  house.rt.block_on([] {
    std::string at_end;
    auto named = TaskBuilder().name("one").spawn_local([f = Farewell([&] { at_end = this_task::name(); })] {
      runtime::yield_now();
    });
    auto nameless = runtime::spawn_local([] {
      CHECK(this_task::name().empty());
      runtime::yield_now();
      CHECK(this_task::name().empty());
    });
    nameless.join();
    named.join();
    CHECK(at_end == "one");
  });
}

TEST_CASE("a builder's setters return it, and it may be moved") {
  Checked house;
  house.rt.block_on([] {
    TaskBuilder builder;
    CHECK(&builder.name("a") == &builder);
    CHECK(&builder.stack_size(65536) == &builder);
    TaskBuilder moved(std::move(builder));
    CHECK(moved.spawn_local([] { return std::string(this_task::name()); }).join() == "a");
    builder = std::move(moved);
    CHECK(builder.spawn_local([] { return std::string(this_task::name()); }).join() == "a");
  });
}

TEST_CASE("tasks of several stack sizes run side by side, each with all of its own") {
  Checked house;
  house.rt.block_on([&] {
    const auto use = [](std::size_t bytes) {
      // Most of the stack, in one frame, written from end to end.
      auto* block = static_cast<volatile char*>(__builtin_alloca(bytes));
      for (std::size_t i = 0; i < bytes; i += 512) block[i] = 1;
      runtime::sleep_for(1ms);
      int sum = 0;
      for (std::size_t i = 0; i < bytes; i += 512) sum += block[i];
      return sum;
    };
    for (int round = 0; round < 3; ++round) {
      std::vector<JoinHandle<int>> tasks;
      for (const std::size_t size : {65536u, 100'001u, 262'144u, 1u << 20, 4u << 20}) {
        for (int i = 0; i < 3; ++i) {
          tasks.push_back(TaskBuilder().stack_size(size).spawn_local([use, size] { return use(size - 32768); }));
        }
      }
      settle();
      CHECK(house.rt.metrics().stacks_in_use() > 0);
      for (auto& task : tasks) CHECK(task.join() > 0);
    }
    CHECK(house.rt.metrics().stacks_in_use() == 0);
  });
}

TEST_CASE("the smallest stack is enough for a task that does little") {
  Checked house(Builder().stack_size(16384));
  house.rt.block_on([] {
    CHECK(runtime::spawn_local([] {
            runtime::yield_now();
            runtime::sleep_for(1us);
            return 1;
          }).join() == 1);
    CHECK(TaskBuilder().stack_size(16384).spawn_local([] { return 2; }).join() == 2);
  });
}

TEST_CASE("a builder used on a pool thread or under a guard spawns into that runtime") {
  Checked house;
  house.rt.block_on([&] {
    const auto owner = std::this_thread::get_id();
    auto task = runtime::spawn_blocking([] {
      return TaskBuilder().name("from afar").spawn([] {
        return std::pair(std::this_thread::get_id(), std::string(this_task::name()));
      });
    }).join();
    const auto [thread, name] = task.join();
    CHECK(thread == owner);
    CHECK(name == "from afar");
  });
}

TEST_CASE("a spawn while a task unwinds, or in a destructor of a capture, knows the task it is in") {
  Checked house;
  house.rt.block_on([] {
    std::optional<runtime::TaskId> in_body, in_unwinding, in_capture;
    auto task = runtime::spawn_local([&, f = Farewell([&] { in_capture = this_task::try_id(); })] {
      in_body = this_task::try_id();
      const AtExit at_exit([&] { in_unwinding = this_task::try_id(); });
      wait_for_ever();
    });
    settle();
    task.abort();
    task.wait();
    CHECK(in_body == task.id());
    CHECK(in_unwinding == task.id());
    CHECK(in_capture == task.id());
  });
}
