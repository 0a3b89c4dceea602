// A shutdown with a limit: what is left behind, and that it stays harmless.

#include <atomic>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

// A task that is left parked while it unwinds leaves its exception behind as well.
extern "C" const char* __lsan_default_suppressions() { return "leak:__cxa_allocate_exception\n"; }

namespace {

// A task that is left parked is never unwound, and with it stays its runtime. A handle in a place that lives as long as
// the program says to leak checkers that this is known.
void keep_for_ever(const LocalRuntime& rt) {
  static auto* kept = new std::vector<Handle>();
  kept->push_back(rt.handle());
}

}  // namespace

TEST_CASE("shutdown_background gives each task one resume, in spawn order") {
  Checked house;
  std::vector<int> order;
  house.rt.block_on([&] {
    for (int i = 0; i < 5; ++i) {
      runtime::spawn_local([&, i] {
        const AtExit note([&] { order.push_back(i); });
        wait_for_ever();
      });
    }
    settle();
  });
  house.rt.spawn_local([&] { order.push_back(100); });
  const auto report = house.rt.shutdown_background();
  CHECK(report.tasks_cancelled == 6);
  CHECK(report.tasks_left_parked == 0);
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(house.rt.metrics().stacks_in_use() == 0);
}

TEST_CASE("a task that waits again after its one resume is left parked: its frames stay, its stack stays mapped") {
  const Limits limits;
  static int progress;
  static bool unwound;
  progress = 0;
  unwound = false;
  std::optional<Handle> handle;
  int* in_its_frame = nullptr;
  {
    LocalRuntime rt;
    keep_for_ever(rt);
    handle = rt.handle();
    auto task = rt.block_on([&] {
      auto spawned = runtime::spawn_local([&in_its_frame] {
        int local = 77;
        in_its_frame = &local;
        const AtExit at_exit([] {
          progress = 1;
          runtime::yield_now();
          progress = 2;
          runtime::sleep_for(1us);
          unwound = true;
        });
        wait_for_ever();
        local = 0;
      });
      settle();
      return spawned;
    });
    const auto report = rt.shutdown_background();
    CHECK(report.tasks_cancelled == 1);
    CHECK(report.tasks_left_parked == 1);
    // Whoever joins it is told that it has no result and never will have.
    CHECK(task.is_finished());
    CHECK_THROWS_AS(task.join(), JoinError);
    task.abort();  // changes nothing any more
  }
  CHECK(progress == 1);
  CHECK_FALSE(unwound);
  CHECK(*in_its_frame == 77);
  CHECK(handle->metrics().num_alive_tasks() == 1);
  CHECK(handle->metrics().stacks_in_use() == 1);
}

TEST_CASE("a thread, and a fiber of another runtime, that join a task which is left parked are told") {
  const Limits limits;
  std::optional<LocalRuntime> rt(std::in_place);
  keep_for_ever(*rt);
  std::vector<JoinHandle<void>> tasks;
  rt->block_on([&] {
    for (int i = 0; i < 2; ++i) {
      tasks.push_back(runtime::spawn_local([] {
        const AtExit at_exit([] { runtime::sleep_for(std::chrono::hours(1)); });
        wait_for_ever();
      }));
    }
    settle();
  });
  std::thread plain([&] { CHECK_THROWS_AS(tasks[0].join(), JoinError); });
  std::thread with_runtime([&] { CHECK_THROWS_AS(runtime::run([&] { tasks[1].join(); }), JoinError); });
  const auto report = rt->shutdown_timeout(1ms);
  CHECK(report.tasks_left_parked == 2);
  plain.join();
  with_runtime.join();
}

TEST_CASE("a limit that is over at once is no less than none: each task has one resume, and unwinds in it") {
  Checked house;
  int started = 0, unwound = 0;
  house.rt.block_on([&] {
    for (int i = 0; i < 300; ++i) {
      runtime::spawn_local([&] {
        ++started;
        const AtExit at_exit([&] { ++unwound; });
        wait_for_ever();
      });
    }
    while (started < 300) runtime::yield_now();
  });
  const auto report = house.rt.shutdown_timeout(1ns);
  CHECK(report.tasks_cancelled == 300);
  CHECK(report.tasks_left_parked == 0);
  CHECK(unwound == 300);
}

TEST_CASE("a POSIX-style call that says ECANCELED, and clean-up that tries to wait, are part of that one resume") {
  Checked house;
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  int ended = 0;
  house.rt.block_on([&] {
    runtime::spawn_local([&] {
      char byte;
      CHECK(::runtime_read(fds[0], &byte, 1) == -1);
      CHECK(errno == ECANCELED);
      const AtExit at_exit([&] { ++ended; });
      runtime::this_task::check_cancelled();
    });
    runtime::spawn_local([&] {
      const AtExit at_exit([&] { ++ended; });
      for (int i = 0; i < 5; ++i) {
        try {
          wait_for_ever();
        } catch (const Cancelled&) {
        }
      }
    });
    settle();
  });
  CHECK(house.rt.shutdown_background().tasks_left_parked == 0);
  CHECK(ended == 2);
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("a limit above zero drives the tasks until it has passed, and no longer") {
  const Limits limits;
  static int turns;
  turns = 0;
  LocalRuntime rt;
  keep_for_ever(rt);
  rt.block_on([&] {
    runtime::spawn_local([] {
      const AtExit at_exit([] {
        for (;; ++turns) runtime::sleep_for(100us);
      });
      wait_for_ever();
    });
    runtime::spawn_local([] {
      const AtExit at_exit([] { runtime::sleep_for(1ms); });
      wait_for_ever();
    });
    settle();
  });
  const auto report = rt.shutdown_timeout(30ms);
  CHECK(report.tasks_cancelled == 2);
  CHECK(report.tasks_left_parked == 1);
  CHECK(turns > 1);
}

TEST_CASE("a closure that still runs at the limit is left running, and so is the task whose offload it is") {
  const Limits limits;
  static std::atomic<bool> release, started, offload_done, task_went_on;
  release = started = offload_done = task_went_on = false;
  {
    LocalRuntime rt;
    keep_for_ever(rt);
    rt.block_on([&] {
      runtime::spawn_local([] {
        const AtExit at_exit([] { task_went_on = true; });
        runtime::offload([] {
          started = true;
          while (!release) std::this_thread::yield();
          offload_done = true;
        });
      });
      CHECK(eventually([] { return started.load(); }));
    });
    const auto report = rt.shutdown_timeout(1ms);
    CHECK(report.tasks_cancelled == 1);
    CHECK(report.tasks_left_parked == 1);
    CHECK(report.blocking_left_running == 1);
  }
  // Its end comes when the runtime is long gone, and must not disturb anybody.
  release = true;
  CHECK(eventually([] { return offload_done.load(); }));
  CHECK_FALSE(task_went_on);
}

TEST_CASE("shutdown_background does not wait for blocking closures that run") {
  const Limits limits;
  std::atomic<bool> release{false}, started{false};
  std::optional<JoinHandle<int>> task;
  {
    LocalRuntime rt = Builder().max_blocking_threads(1).build_local();
    task = rt.spawn_blocking([&] {
      started = true;
      while (!release) std::this_thread::yield();
      return 3;
    });
    CHECK(eventually([&] { return started.load(); }));
    auto queued = rt.spawn_blocking([] {});
    const auto report = rt.shutdown_background();
    CHECK(report.blocking_left_running == 1);
    CHECK(report.blocking_cancelled == 1);
    CHECK(report.tasks_cancelled == 0);
    CHECK(queued.is_finished());
  }
  CHECK_FALSE(task->is_finished());
  release = true;
  CHECK(task->join() == 3);
}

TEST_CASE("what a task spawns in its one resume is destroyed without running") {
  Checked house;
  static bool ran;
  static int destroyed;
  ran = false;
  destroyed = 0;
  std::optional<JoinHandle<void>> spawned;
  house.rt.block_on([&] {
    runtime::spawn_local([&] {
      const AtExit at_exit([&] { spawned = runtime::spawn_local([f = Farewell([] { ++destroyed; })] { ran = true; }); });
      wait_for_ever();
    });
    settle();
  });
  const auto report = house.rt.shutdown_background();
  CHECK(report.tasks_left_parked == 0);
  CHECK_FALSE(ran);
  CHECK(destroyed == 1);
  CHECK(spawned->is_finished());
}

TEST_CASE("the limit is real time: a paused clock and a runtime without timers do not change it") {
  static std::atomic<bool> release, started;
  for (const bool is_paused : {true, false}) {
    release = started = false;
    const Limits limits;
    LocalRuntime rt = Builder().start_paused(is_paused).enable_time(is_paused).build_local();
    keep_for_ever(rt);
    rt.block_on([&] {
      runtime::spawn_local([] {
        runtime::offload([] {
          started = true;
          while (!release) std::this_thread::yield();
        });
      });
      while (!started) runtime::yield_now();
    });
    const auto start = std::chrono::steady_clock::now();
    const auto report = rt.shutdown_timeout(5ms);
    CHECK(std::chrono::steady_clock::now() - start >= 5ms);
    CHECK(report.tasks_left_parked == 1);
    CHECK(report.blocking_left_running == 1);
    release = true;
  }
}
