// Hooks of tasks: when each is called, for whom, and with what.

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::TaskBuilder;
using runtime::TaskMeta;

namespace {

using Log = std::vector<std::string>;

/// Writes down each call as the hook's name and the task's.
Builder logged(Log& log) {
  const auto to = [&log](const char* hook) {
    return [&log, hook](const TaskMeta& meta) { log.push_back(std::string(hook) + " " + std::string(meta.name())); };
  };
  return Builder()
      .on_task_spawn(to("spawn"))
      .on_before_task_poll(to("before"))
      .on_after_task_poll(to("after"))
      .on_task_terminate(to("end"));
}

std::size_t count(const Log& log, const std::string& entry) {
  return static_cast<std::size_t>(std::count(log.begin(), log.end(), entry));
}

}  // namespace

TEST_CASE("a task is told of in order: spawn, before and after each resume, its end before the last after") {
  Log log;
  Checked house(logged(log));
  house.rt.block_on([&] {
    auto task = TaskBuilder().name("a").spawn_local([&, gone = Farewell([&] { log.push_back("captures gone"); })] {
      log.push_back("runs");
      runtime::yield_now();
      log.push_back("goes on");
    });
    CHECK(log == Log{"spawn a"});
    task.join();
    log.push_back("joined");
  });
  CHECK(log == Log{"spawn a", "before a", "runs", "after a", "before a", "goes on", "captures gone", "end a", "after a",
                   "joined"});
}

TEST_CASE("two tasks that take turns are told of in turn") {
  Log log;
  Checked house(logged(log));
  house.rt.block_on([&] {
    const auto give_way = [] { runtime::yield_now(); };
    auto one = TaskBuilder().name("1").spawn_local(give_way);
    auto two = TaskBuilder().name("2").spawn_local(give_way);
    one.join();
    two.join();
  });
  CHECK(log == Log{"spawn 1", "spawn 2", "before 1", "after 1", "before 2", "after 2", "before 1", "end 1", "after 1",
                   "before 2", "end 2", "after 2"});
}

TEST_CASE("the root has no hooks, and blocking closures only that of the end, on the pool thread") {
  Log log;
  std::atomic<int> ends{0};
  std::thread::id pool_thread, hook_thread;
  Checked house(logged(log).on_task_terminate([&](const TaskMeta& meta) {
    CHECK(meta.name() == "closure");
    hook_thread = std::this_thread::get_id();
    ++ends;
  }));
  house.rt.block_on([&] {
    runtime::yield_now();
    runtime::sleep_for(1us);
    TaskBuilder().name("closure").spawn_blocking([&] { pool_thread = std::this_thread::get_id(); }).join();
    CHECK(ends == 1);  // before the join can return
  });
  CHECK(log.empty());
  CHECK(hook_thread == pool_thread);
}

TEST_CASE("the end is told once, however a task ends") {
  Log log;
  const auto quiet = runtime::UnhandledException::ignore;
  {
    Checked house(logged(log).unhandled_exception(quiet));
    house.rt.block_on([&] {
      TaskBuilder().name("returns").spawn_local([] { return 1; }).join();
      TaskBuilder().name("throws").spawn_local([] { throw std::runtime_error("x"); }).wait();
      auto parked = TaskBuilder().name("aborted").spawn_local([] { wait_for_ever(); });
      settle();
      parked.abort();
      parked.wait();
      auto unstarted = TaskBuilder().name("unstarted").spawn_local([] {});
      unstarted.abort();
      unstarted.wait();
      auto captures = TaskBuilder().name("captures").spawn_local([gone = Farewell([] { runtime::yield_now(); })] {});
      captures.abort();
      captures.wait();
      static_cast<void>(TaskBuilder().name("detached").spawn_local([] { return std::string("dropped"); }));
      static_cast<void>(TaskBuilder().name("left").spawn_local([] { wait_for_ever(); }));
      settle();
    });
    CHECK(count(log, "end left") == 0);
  }
  for (const char* name : {"returns", "throws", "aborted", "unstarted", "captures", "detached", "left"}) {
    CAPTURE(name);
    CHECK(count(log, std::string("spawn ") + name) == 1);
    CHECK(count(log, std::string("end ") + name) == 1);
    CHECK(count(log, std::string("before ") + name) == count(log, std::string("after ") + name));
  }
  CHECK(log.back() == "after left");
}

TEST_CASE("a task that is spawned while the runtime ends is told of, and so is its end") {
  Log log;
  {
    Checked house(logged(log));
    house.rt.block_on([] {
      TaskBuilder().name("old").spawn_local([] {
        const AtExit at_exit([] { TaskBuilder().name("late").spawn_local([] {}); });
        wait_for_ever();
      });
      settle();
    });
  }
  CHECK(count(log, "spawn late") == 1);
  CHECK(count(log, "end late") == 1);
  CHECK(count(log, "before late") == 0);
}

TEST_CASE("what comes after the shutdown is told of to nobody") {
  Log log;
  LocalRuntime rt = logged(log).build_local();
  const Handle handle = rt.handle();
  rt.shutdown_background();
  CHECK_THROWS_AS(handle.spawn_local([] {}).join(), JoinError);
  CHECK(handle.spawn_blocking([] {}).is_finished());
  CHECK(log.empty());
}

TEST_CASE("a task spawned by another thread is told of there, before it can run") {
  std::atomic<int> spawned{0}, resumed{0};
  std::thread::id hook_thread;
  Checked house(Builder()
                    .on_task_spawn([&](const TaskMeta&) {
                      CHECK(resumed == 0);
                      hook_thread = std::this_thread::get_id();
                      ++spawned;
                    })
                    .on_before_task_poll([&](const TaskMeta&) { ++resumed; }));
  const Handle handle = house.rt.handle();
  std::optional<JoinHandle<void>> task;
  std::thread other([&] { task = handle.spawn([] {}); });
  const auto other_id = other.get_id();
  other.join();
  CHECK(spawned == 1);
  CHECK(hook_thread == other_id);
  house.rt.block_on([&] { task->join(); });
  CHECK(resumed == 1);
}

TEST_CASE("a hook is told id, name and place of the spawn, through every way to spawn") {
  std::vector<std::pair<std::uint64_t, std::string>> seen;
  Checked house(Builder().on_task_spawn([&](const TaskMeta& meta) {
    seen.emplace_back(meta.id().value(), meta.spawned_at());
    CHECK_FALSE(meta.schedule_latency());
  }));
  house.rt.block_on([&] {
    std::vector<std::pair<std::uint64_t, std::string>> expected;
    const auto expect = [&](JoinHandle<void> task, int line) {
      expected.emplace_back(task.id().value(), std::string(__FILE__) + ":" + std::to_string(line));
    };
    const auto nothing = [] {};
    expect(runtime::spawn_local(nothing), __LINE__);
    expect(runtime::spawn(nothing), __LINE__);
    expect(house.rt.spawn_local(nothing), __LINE__);
    expect(Handle::current().spawn(nothing), __LINE__);
    expect(Handle::current().spawn_local(nothing), __LINE__);
    expect(TaskBuilder().name("n").spawn_local(nothing), __LINE__);
    expect(TaskBuilder().name("n").spawn(nothing), __LINE__);
    CHECK(seen == expected);
  });
}

TEST_CASE("a hook may spawn, wake, look at the metrics and read its own runtime") {
  int spawned_by_hook = 0, polls = 0;
  std::optional<Handle> handle;
  std::vector<std::uint64_t> counts;
  Checked house(Builder()
                    .on_before_task_poll([&](const TaskMeta& meta) {
                      ++polls;
                      CHECK(Handle::current().id() == handle->id());
                      CHECK_FALSE(runtime::this_task::try_id());
                      counts.push_back(handle->metrics().worker_poll_count());
                      if (meta.name() == "first") runtime::spawn_local([&] { ++spawned_by_hook; });
                    }));
  handle = house.rt.handle();
  house.rt.block_on([&] {
    TaskBuilder().name("first").spawn_local([] {}).join();
    settle();
  });
  CHECK(spawned_by_hook == 1);
  CHECK(polls == 2);
  CHECK(counts == std::vector<std::uint64_t>{1, 2});  // this resume is counted in
  handle.reset();
}

TEST_CASE("in the spawn hook the running task is the one that spawns") {
  std::optional<runtime::TaskId> parent;
  Checked house(Builder().on_task_spawn([&](const TaskMeta& meta) {
    if (meta.name() == "child") parent = runtime::this_task::id();
  }));
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([] { TaskBuilder().name("child").spawn_local([] {}).join(); });
    const auto id = task.id();
    task.join();
    CHECK(parent == id);
  });
}

TEST_CASE("a hook that waits for a task is told that it cannot") {
  std::optional<Errc> code;
  std::optional<JoinHandle<void>> parked;
  Checked house(Builder().on_before_task_poll([&](const TaskMeta& meta) {
    if (meta.name() == "trigger") code = code_of([&] { parked->join(); });
  }));
  house.rt.block_on([&] {
    parked = runtime::spawn_local([] { wait_for_ever(); });
    settle();
    TaskBuilder().name("trigger").spawn_local([] {}).join();
    parked->abort();
    parked->wait();
  });
  CHECK(code == Errc::would_deadlock);
}

TEST_CASE("a second call of a setter replaces the first, and copies of a builder share hooks") {
  int first = 0, second = 0;
  Builder builder;
  builder.on_task_spawn([&](const TaskMeta&) { ++first; }).on_task_spawn([&](const TaskMeta&) { ++second; });
  const Builder copy(builder);
  for (Builder b : {builder, copy}) {
    Checked house(b);
    house.rt.block_on([] { runtime::spawn_local([] {}).join(); });
  }
  CHECK(first == 0);
  CHECK(second == 2);
}

TEST_CASE("a hook lives as long as builder and runtime, and no longer") {
  auto token = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = token;
  {
    std::optional<Builder> builder(Builder().on_task_spawn([token](const TaskMeta&) { ++*token; }));
    token.reset();
    Checked house(*builder);
    builder.reset();
    CHECK_FALSE(watch.expired());
    house.rt.block_on([] { runtime::spawn_local([] {}).join(); });
    CHECK(*watch.lock() == 1);
  }
  CHECK(watch.expired());
}

TEST_CASE("an empty function is refused") {
  Builder builder;
  const std::function<void(const TaskMeta&)> of_task;
  const std::function<void()> of_thread;
  CHECK(code_of([&] { builder.on_task_spawn(of_task); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.on_before_task_poll(of_task); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.on_after_task_poll(of_task); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.on_task_terminate(of_task); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.on_thread_start(of_thread); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.on_thread_stop(of_thread); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.on_thread_park(of_thread); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.on_thread_unpark(of_thread); }) == Errc::invalid_argument);
  CHECK(code_of([&] { builder.thread_name_fn({}); }) == Errc::invalid_argument);
}

TEST_CASE("errno, exceptions in flight and order are what they are without hooks") {
  int hooks = 0;
  const auto disturb = [&](const TaskMeta&) {
    ++hooks;
    errno = EDOM;
  };
  Checked house(Builder().on_before_task_poll(disturb).on_after_task_poll(disturb).on_task_spawn(disturb));
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.push_back(runtime::spawn_local([i] {
        CHECK(errno == 0);
        errno = 100 + i;
        try {
          throw i;
        } catch (int) {
          runtime::yield_now();
          CHECK(errno == 100 + i);
          try {
            throw;
          } catch (int mine) {
            CHECK(mine == i);
          }
        }
      }));
    }
    for (auto& task : tasks) task.join();
  });
  CHECK(hooks == 5 + 2 * 10);
}

TEST_CASE("a runtime with hooks inside a task of a runtime with hooks") {
  Log outer_log, inner_log;
  Checked house(logged(outer_log));
  house.rt.block_on([&] {
    TaskBuilder().name("outer").spawn_local([&] {
      LocalRuntime inner = logged(inner_log).build_local();
      inner.block_on([] {
        TaskBuilder().name("inner").spawn_local([] { runtime::sleep_for(100us); }).join();
      });
    }).join();
  });
  CHECK(inner_log == Log{"spawn inner", "before inner", "after inner", "before inner", "end inner", "after inner"});
  CHECK(outer_log.front() == "spawn outer");
  CHECK(count(outer_log, "before outer") == count(outer_log, "after outer"));
  CHECK(count(outer_log, "end outer") == 1);
}

TEST_CASE("20,000 tasks and 200,000 resumes are told of, each") {
  std::uint64_t spawned = 0, before = 0, after = 0, ended = 0;
  Checked house(Builder()
                    .stack_size(16384)
                    .on_task_spawn([&](const TaskMeta&) { ++spawned; })
                    .on_before_task_poll([&](const TaskMeta&) { ++before; })
                    .on_after_task_poll([&](const TaskMeta&) { ++after; })
                    .on_task_terminate([&](const TaskMeta&) { ++ended; }));
  house.rt.block_on([&] {
    for (int round = 0; round < 20; ++round) {
      std::vector<JoinHandle<void>> tasks;
      for (int i = 0; i < 1000; ++i) {
        tasks.push_back(runtime::spawn_local([] {
          for (int turn = 0; turn < 9; ++turn) runtime::yield_now();
        }));
      }
      for (auto& task : tasks) task.join();
    }
  });
  CHECK(spawned == 20'000);
  CHECK(before == 200'000);
  CHECK(after == 200'000);
  CHECK(ended == 20'000);
  CHECK(house.rt.metrics().worker_poll_count() == 200'000);
}

TEST_CASE("with hooks, a shutdown without time still gives each task one resume") {
  Log log;
  LocalRuntime rt = logged(log).build_local();
  rt.block_on([] {
    for (const char* name : {"1", "2", "3"}) TaskBuilder().name(name).spawn_local([] { wait_for_ever(); });
    settle();
  });
  log.clear();
  CHECK(rt.shutdown_background().tasks_cancelled == 3);
  CHECK(log == Log{"before 1", "end 1", "after 1", "before 2", "end 2", "after 2", "before 3", "end 3", "after 3"});
}
