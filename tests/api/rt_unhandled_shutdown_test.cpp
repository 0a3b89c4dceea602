// Exceptions that nobody has received when the runtime ends: told then, once, whoever still holds the handle.

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

[[noreturn]] void fail() { throw std::runtime_error("the milk is sour"); }

std::size_t told(const CapturedStderr& captured) { return occurrences(captured.text(), "the milk is sour"); }

}  // namespace

TEST_CASE("an exception whose handle still lives is told when the runtime ends, and once") {
  const Limits limits;
  const CapturedStderr captured;
  {
    std::optional<JoinHandle<void>> task;
    {
      LocalRuntime rt;
      task = rt.spawn_local(fail);
      rt.block_on([] { settle(); });
      CHECK(task->is_finished());
      CHECK(told(captured) == 0);
    }
    CHECK(told(captured) == 1);
  }
  CHECK(told(captured) == 1);
}

TEST_CASE("a blocking closure's is told, too") {
  const Limits limits;
  const CapturedStderr captured;
  {
    LocalRuntime rt;
    auto task = rt.spawn_blocking(fail);
    CHECK(eventually([&] { return task.is_finished(); }));
    rt.shutdown_timeout(10s);
    CHECK(told(captured) == 1);
  }
  CHECK(told(captured) == 1);
}

TEST_CASE("what was told at the end can still be received") {
  const Limits limits;
  const CapturedStderr captured;
  std::optional<JoinHandle<void>> task;
  {
    LocalRuntime rt;
    task = rt.spawn_local(fail);
    rt.block_on([] { settle(); });
  }
  CHECK_THROWS_AS(task->join(), std::runtime_error);
  task.reset();
  CHECK(told(captured) == 1);
}

TEST_CASE("what was received, here or on another thread, is not told at the end") {
  const Limits limits;
  const CapturedStderr captured;
  {
    LocalRuntime rt;
    auto here = rt.spawn_local(fail);
    auto there = rt.spawn_local(fail);
    auto timed = rt.spawn_local(fail);
    rt.block_on([&] {
      CHECK_THROWS_AS(here.join(), std::runtime_error);
      CHECK_THROWS_AS(static_cast<void>(timed.join_for(10s)), std::runtime_error);
      there.wait();
    });
    std::thread([&] { CHECK_THROWS_AS(there.join(), std::runtime_error); }).join();
  }
  CHECK(told(captured) == 0);
}

TEST_CASE("what a task throws while it is cancelled at the end is told, though its handle lives") {
  const Limits limits;
  const CapturedStderr captured;
  std::optional<JoinHandle<void>> task;
  {
    LocalRuntime rt;
    task = rt.spawn_local([] {
      try {
        wait_for_ever();
      } catch (const Cancelled&) {
        fail();
      }
    });
    rt.block_on([] { settle(); });
  }
  CHECK(told(captured) == 1);
}

TEST_CASE("of many failed tasks each is told once, wherever and whenever its handle goes") {
  constexpr std::size_t kTasks = 300;
  const Limits limits;
  const CapturedStderr captured;
  std::vector<JoinHandle<void>> in_time, late, received;
  {
    LocalRuntime rt;
    for (std::size_t i = 0; i < kTasks; ++i) {
      in_time.push_back(rt.spawn_local(fail));
      late.push_back(rt.spawn_local(fail));
      received.push_back(rt.spawn_local(fail));
    }
    rt.block_on([] {
      for (int i = 0; i < 20; ++i) settle();
    });
    std::thread dropper([&] {
      while (!in_time.empty()) in_time.pop_back();
    });
    std::thread receiver([&] {
      for (auto it = received.rbegin(); it != received.rend(); ++it) CHECK_THROWS_AS(it->join(), std::runtime_error);
    });
    dropper.join();
    receiver.join();
    CHECK(told(captured) == kTasks);
  }
  CHECK(told(captured) == 2 * kTasks);
  late.clear();
  CHECK(told(captured) == 2 * kTasks);
}

TEST_CASE("handles that go on another thread while the runtime ends lose nothing and tell nothing twice") {
  constexpr std::size_t kTasks = 500;
  const Limits limits;
  const CapturedStderr captured;
  std::vector<JoinHandle<void>> tasks;
  std::thread dropper;
  {
    LocalRuntime rt;
    for (std::size_t i = 0; i < kTasks; ++i) tasks.push_back(rt.spawn_local(fail));
    rt.block_on([] {
      for (int i = 0; i < 20; ++i) settle();
    });
    std::atomic<bool> started{false};
    dropper = std::thread([&] {
      started = true;
      while (!tasks.empty()) tasks.pop_back();
    });
    CHECK(eventually([&] { return started.load(); }));
  }
  dropper.join();
  CHECK(told(captured) == kTasks);
}

TEST_CASE("an exception whose destructor and text use the runtime does no harm") {
  struct Busy : std::runtime_error {
    using std::runtime_error::runtime_error;
    ~Busy() override { runtime::yield_now(); }
  };
  const Limits limits;
  const CapturedStderr captured;
  runtime::run([] {
    static_cast<void>(runtime::spawn_local([] { throw Busy("the milk is sour"); }));
    auto kept = runtime::spawn_local([] { throw Busy("the milk is sour"); });
    settle();
  });
  CHECK(told(captured) == 2);
}
