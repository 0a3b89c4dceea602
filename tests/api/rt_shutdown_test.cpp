// The end of a runtime: order, report, and what still works afterwards. What a limit leaves behind is in
// rt_shutdown_limit_test.cpp.

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

TEST_CASE("the destructor cancels and unwinds every task, started or not") {
  const Limits limits;
  int unwound = 0, ran = 0, destroyed = 0;
  std::optional<Handle> handle;
  {
    LocalRuntime rt;
    handle = rt.handle();
    rt.block_on([&] {
      for (int i = 0; i < 10; ++i) {
        runtime::spawn_local([&] {
          const AtExit count([&] { ++unwound; });
          wait_for_ever();
        });
      }
      settle();
    });
    for (int i = 0; i < 5; ++i) rt.spawn_local([&ran, f = Farewell([&] { ++destroyed; })] { ++ran; });
    CHECK(unwound == 0);
  }
  CHECK(unwound == 10);
  CHECK(ran == 0);
  CHECK(destroyed == 5);
  check_nothing_left(*handle);
}

TEST_CASE("tasks are cancelled in the order in which they were spawned") {
  const Limits limits;
  std::vector<int> order;
  {
    LocalRuntime rt;
    rt.block_on([&] {
      for (int i = 0; i < 20; ++i) {
        runtime::spawn_local([&, i] {
          const AtExit note([&] { order.push_back(i); });
          // They wait for the same thing, or for different ones, and began to in any order.
          for (int turn = 0; turn < i % 3; ++turn) runtime::yield_now();
          runtime::sleep_for(std::chrono::hours(20 - i));
        });
      }
      settle();
    });
  }
  std::vector<int> expected;
  for (int i = 0; i < 20; ++i) expected.push_back(i);
  CHECK(order == expected);
}

TEST_CASE("tasks are driven while they unwind: sleeps and descriptors work in their destructors") {
  const Limits limits;
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  char received = 0;
  bool slept = false;
  {
    LocalRuntime rt;
    rt.block_on([&] {
      runtime::spawn_local([&] {
        const AtExit read_at_exit([&] { CHECK(::runtime_read(pipe_fds[0], &received, 1) == 1); });
        wait_for_ever();
      });
      runtime::spawn_local([&] {
        const AtExit write_at_exit([&] {
          runtime::sleep_for(1ms);
          slept = true;
          CHECK(::runtime_write(pipe_fds[1], "x", 1) == 1);
        });
        wait_for_ever();
      });
      settle();
    });
  }
  CHECK(slept);
  CHECK(received == 'x');
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
}

TEST_CASE("the report counts the tasks that had not ended; handles of them give JoinErrors") {
  Checked house;
  std::vector<JoinHandle<int>> tasks;
  house.rt.block_on([&] {
    tasks.push_back(runtime::spawn_local([] { return 1; }));
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(runtime::spawn_local([]() -> int {
        wait_for_ever();
        return 2;
      }));
    }
    settle();
  });
  tasks.push_back(house.rt.spawn_local([] { return 3; }));
  std::thread([&] { tasks.push_back(house.rt.handle().spawn([] { return 4; })); }).join();
  const auto report = house.rt.shutdown_timeout(10s);
  CHECK(report.tasks_cancelled == 5);
  CHECK(report.tasks_left_parked == 0);
  CHECK(report.blocking_cancelled == 0);
  CHECK(report.blocking_left_running == 0);
  CHECK(tasks[0].join() == 1);
  for (std::size_t i = 1; i < tasks.size(); ++i) {
    CHECK(tasks[i].is_finished());
    CHECK_THROWS_AS(tasks[i].join(), JoinError);
  }
}

TEST_CASE("completion wins at shutdown, too: a task that swallows the cancellation has its value") {
  Checked house;
  auto task = house.rt.block_on([] {
    auto handle = runtime::spawn_local([] {
      try {
        wait_for_ever();
      } catch (const Cancelled&) {
      }
      return 8;
    });
    settle();
    return handle;
  });
  CHECK(house.rt.shutdown_timeout(10s).tasks_cancelled == 1);
  CHECK(task.join() == 8);
}

TEST_CASE("afterwards handle, metrics and enter work, and everything else says shut_down") {
  Checked house;
  house.rt.shutdown_timeout(10s);
  bool called = false;
  const auto call = [&] { called = true; };
  CHECK(code_of([&] { house.rt.block_on(call); }) == Errc::shut_down);
  CHECK(code_of([&] { house.rt.spawn_local(call); }) == Errc::shut_down);
  CHECK(code_of([&] { house.rt.spawn_blocking(call); }) == Errc::shut_down);
  CHECK(code_of([&] { house.rt.shutdown_timeout(1s); }) == Errc::shut_down);
  CHECK(code_of([&] { house.rt.shutdown_background(); }) == Errc::shut_down);
  CHECK(code_of([&] { house.rt.handle().block_on(call); }) == Errc::shut_down);
  CHECK_FALSE(called);
  CHECK(house.rt.handle().is_shut_down());
  CHECK(house.rt.metrics().num_alive_tasks() == 0);
  CHECK_NOTHROW(static_cast<void>(house.rt.enter()));
}

TEST_CASE("queued blocking work is cancelled, started work is waited for, and the pool takes nothing new") {
  Checked house(Builder().max_blocking_threads(1));
  std::atomic<bool> started{false}, release{false}, ran_second{false};
  auto first = house.rt.spawn_blocking([&] {
    started = true;
    return eventually([&] { return release.load(); });
  });
  CHECK(eventually([&] { return started.load(); }));
  auto second = house.rt.spawn_blocking([&] { ran_second = true; });
  bool late_refused = false;
  auto late = house.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      const AtExit at_exit([&] {
        auto refused = runtime::spawn_blocking([] {});
        late_refused = refused.is_finished();
        release = true;
      });
      wait_for_ever();
    });
    settle();
    return task;
  });
  const auto report = house.rt.shutdown_timeout(20s);
  CHECK(report.blocking_cancelled == 1);
  CHECK(report.blocking_left_running == 0);
  CHECK(report.tasks_cancelled == 1);
  CHECK(late_refused);
  CHECK(first.join());
  CHECK_THROWS_AS(second.join(), JoinError);
  CHECK_FALSE(ran_second);
}

TEST_CASE("a task whose offload was still queued ends as cancelled, and reports nothing") {
  const Limits limits;
  std::atomic<bool> started{false}, release{false};
  bool ran = false;
  const CapturedStderr captured;
  {
    LocalRuntime rt = Builder().max_blocking_threads(1).build_local();
    rt.spawn_blocking([&] {
      started = true;
      eventually([&] { return release.load(); });
    });
    CHECK(eventually([&] { return started.load(); }));
    rt.block_on([&] {
      runtime::spawn_local([&] {
        const AtExit at_exit([&] { release = true; });
        runtime::offload([&] { ran = true; });
      });
      settle();
    });
  }
  CHECK_FALSE(ran);
  CHECK(captured.text() == "");
}

TEST_CASE("offload in a destructor during the shutdown says shut_down") {
  Checked house;
  std::optional<Errc> code;
  house.rt.block_on([&] {
    runtime::spawn_local([&] {
      const AtExit at_exit([&] { code = code_of([] { runtime::offload([] {}); }); });
      wait_for_ever();
    });
    settle();
  });
  house.rt.shutdown_timeout(10s);
  CHECK(code == Errc::shut_down);
}

TEST_CASE("what a task spawns while it unwinds is destroyed without running") {
  Checked house;
  bool ran = false;
  int destroyed = 0;
  std::optional<JoinHandle<void>> local, remote;
  house.rt.block_on([&] {
    runtime::spawn_local([&] {
      const AtExit at_exit([&] {
        local = runtime::spawn_local([&ran, f = Farewell([&] { ++destroyed; })] { ran = true; });
        remote = runtime::spawn([&ran, f = Farewell([&] { ++destroyed; })] { ran = true; });
      });
      wait_for_ever();
    });
    settle();
  });
  house.rt.shutdown_timeout(10s);
  CHECK_FALSE(ran);
  CHECK(destroyed == 2);
  CHECK_THROWS_AS(local->join(), JoinError);
  CHECK_THROWS_AS(remote->join(), JoinError);
}
