// JoinHandle: join, join_for, wait, is_finished, from every place code can run.

#include <atomic>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "support.hpp"

using namespace api_test;

static_assert(!std::is_copy_constructible_v<JoinHandle<int>>);
static_assert(std::is_nothrow_move_constructible_v<JoinHandle<int>> && std::is_nothrow_move_assignable_v<JoinHandle<int>>);
static_assert(std::is_same_v<decltype(std::declval<JoinHandle<int>&>().join_for(1s)), std::optional<int>>);
static_assert(std::is_same_v<decltype(std::declval<JoinHandle<void>&>().join_for(1s)), bool>);

TEST_CASE("join parks the caller until the task has ended, whichever of the two comes first") {
  Checked house;
  house.rt.block_on([] {
    auto slow = runtime::spawn_local([] {
      runtime::sleep_for(1ms);
      return 1;
    });
    auto quick = runtime::spawn_local([] { return 2; });
    CHECK_FALSE(slow.is_finished());
    CHECK(slow.join() == 1);
    CHECK(quick.is_finished());
    CHECK(quick.join() == 2);
  });
}

TEST_CASE("while one task joins another, the rest go on") {
  Checked house;
  house.rt.block_on([] {
    bool release = false;
    auto waits = runtime::spawn_local([&] {
      while (!release) runtime::yield_now();
      return 5;
    });
    auto joins = runtime::spawn_local([&] { return waits.join() + 1; });
    auto releases = runtime::spawn_local([&] { release = true; });
    CHECK(joins.join() == 6);
    CHECK(releases.is_finished());
  });
}

TEST_CASE("a second join, or a wait after it, is invalid, and so is what is done with a handle that was moved from") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] { return 1; });
    CHECK(task.join() == 1);
    CHECK(code_of([&] { task.join(); }) == Errc::invalid_argument);
    CHECK(code_of([&] { static_cast<void>(task.join_for(1s)); }) == Errc::invalid_argument);
    CHECK(code_of([&] { task.wait(); }) == Errc::invalid_argument);
    CHECK(task.is_finished());

    auto failed = runtime::spawn_local([] { throw 5; });
    CHECK_THROWS_AS(failed.join(), int);
    CHECK(code_of([&] { failed.join(); }) == Errc::invalid_argument);

    auto source = runtime::spawn_local([] { return 2; });
    auto target = std::move(source);
    CHECK(code_of([&] { source.join(); }) == Errc::invalid_argument);
    CHECK(code_of([&] { source.wait(); }) == Errc::invalid_argument);
    CHECK(code_of([&] { static_cast<void>(source.abort_handle()); }) == Errc::invalid_argument);
    source.abort();
    CHECK(target.join() == 2);
  });
}

TEST_CASE("assigning to a handle detaches the task it had, which runs on") {
  Checked house;
  house.rt.block_on([] {
    bool ran = false;
    auto task = runtime::spawn_local([&] {
      runtime::yield_now();
      ran = true;
      return 1;
    });
    task = runtime::spawn_local([] { return 2; });
    CHECK(task.join() == 2);
    settle();
    CHECK(ran);
  });
}

TEST_CASE("wait leaves the result, or the exception, for join") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] { return std::make_unique<int>(3); });
    task.wait();
    task.wait();
    CHECK(task.is_finished());
    CHECK(*task.join() == 3);
    auto failed = runtime::spawn_local([] { throw 6; });
    CHECK_NOTHROW(failed.wait());
    CHECK_THROWS_AS(failed.join(), int);
    auto aborted = runtime::spawn_local([] { wait_for_ever(); });
    aborted.abort();
    CHECK_NOTHROW(aborted.wait());
    CHECK_THROWS_AS(aborted.join(), JoinError);
  });
}

TEST_CASE("join_for gives the result, or nothing when the time is over, and the handle stays valid") {
  Checked house;
  house.rt.block_on([&house] {
    bool release = false;
    auto task = runtime::spawn_local([&] {
      while (!release) runtime::sleep_for(100us);
      return std::make_unique<int>(4);
    });
    CHECK_FALSE(task.join_for(1ms).has_value());
    CHECK_FALSE(task.join_for(0s).has_value());
    CHECK_FALSE(task.is_finished());
    release = true;
    auto result = task.join_for(20s);
    CHECK(result.has_value());
    CHECK(**result == 4);

    auto nothing = runtime::spawn_local([] { runtime::sleep_for(1ms); });
    CHECK_FALSE(nothing.join_for(0s));
    CHECK(nothing.join_for(20s));
    auto ended = runtime::spawn_local([] { return 5; });
    ended.wait();
    CHECK(ended.join_for(0s) == 5);
    auto failed = runtime::spawn_local([]() -> int { throw 7; });
    CHECK_THROWS_AS(static_cast<void>(failed.join_for(20s)), int);
    auto aborted = runtime::spawn_local([] { wait_for_ever(); });
    aborted.abort();
    CHECK_THROWS_AS(static_cast<void>(aborted.join_for(20s)), JoinError);
    auto for_ever = runtime::spawn_local([] { return 6; });
    CHECK(for_ever.join_for(std::chrono::hours::max()) == 6);
    CHECK(house.rt.metrics().num_alive_tasks() == 0);
  });
}

TEST_CASE("a task that joins itself would wait for ever: would_deadlock") {
  Checked house;
  house.rt.block_on([] {
    std::optional<JoinHandle<int>> self;
    const auto join_self = [&self] {
      CHECK(code_of([&] { self->join(); }) == Errc::would_deadlock);
      CHECK(code_of([&] { self->wait(); }) == Errc::would_deadlock);
      CHECK(code_of([&] { static_cast<void>(self->join_for(1s)); }) == Errc::would_deadlock);
      return 9;
    };
    self = runtime::spawn_local(join_self);
    settle();
    CHECK(self->join() == 9);
    std::atomic<bool> assigned{false};
    self = runtime::spawn_blocking([&] {
      while (!assigned) std::this_thread::yield();
      return join_self();
    });
    assigned = true;
    CHECK(self->join() == 9);
  });
}

TEST_CASE("a task may destroy its own handle, and runs on detached") {
  Checked house;
  house.rt.block_on([] {
    bool done = false;
    std::optional<JoinHandle<std::string>> self;
    self = runtime::spawn_local([&] {
      self.reset();
      runtime::yield_now();
      done = true;
      return std::string(100, 'd');
    });
    settle();
    CHECK(done);
  });
}

TEST_CASE("other threads join: plain ones block, and a fiber of another runtime parks") {
  Checked house;
  const Handle handle = house.rt.handle();
  std::atomic<int> finished{0};
  house.rt.block_on([&] {
    auto for_thread = runtime::spawn_local([] {
      runtime::sleep_for(1ms);
      return std::string("thread");
    });
    auto for_fiber = runtime::spawn_local([] {
      runtime::sleep_for(1ms);
      return std::string("fiber");
    });
    auto endless = runtime::spawn_local([] { wait_for_ever(); });
    std::thread plain([&] {
      CHECK(for_thread.join() == "thread");
      CHECK_FALSE(endless.join_for(1ms));
      CHECK_FALSE(endless.join_for(0s));
      ++finished;
    });
    std::thread with_runtime([&] {
      runtime::run([&] {
        bool sibling_ran = false;
        auto sibling = runtime::spawn_local([&] { sibling_ran = true; });
        auto joins = runtime::spawn_local([&] { return for_fiber.join(); });
        CHECK(joins.join() == "fiber");
        CHECK(sibling_ran);
      });
      ++finished;
    });
    CHECK(eventually([&] { return finished == 2; }));
    plain.join();
    with_runtime.join();
    CHECK(runtime::spawn_blocking([task = runtime::spawn_local([] { return 8; })]() mutable { return task.join(); }).join() ==
          8);
    endless.abort();
    CHECK_THROWS_AS(endless.join(), JoinError);
  });
}

TEST_CASE("on the owner thread outside block_on, join, join_for and wait drive the runtime") {
  Checked house;
  auto spawn_sleeper = [&] {
    return house.rt.spawn_local([] {
      runtime::sleep_for(1ms);
      return runtime::spawn_local([] { return runtime::offload([] { return 4; }); }).join();
    });
  };
  CHECK(spawn_sleeper().join() == 4);
  auto waited = spawn_sleeper();
  waited.wait();
  CHECK(waited.is_finished());
  CHECK(waited.join() == 4);
  CHECK(spawn_sleeper().join_for(20s) == 4);
  auto endless = house.rt.spawn_local([] { wait_for_ever(); });
  int ticks = 0;
  auto ticker = house.rt.spawn_local([&] {
    for (;; ++ticks) runtime::sleep_for(100us);
  });
  CHECK_FALSE(endless.join_for(3ms));
  CHECK(ticks > 0);
  endless.abort();
  CHECK_THROWS_AS(endless.join(), JoinError);
  ticker.abort();
  CHECK_THROWS_AS(ticker.join(), JoinError);
  CHECK(house.rt.spawn_blocking([] { return 6; }).join() == 6);
}

TEST_CASE("20,000 tasks joined from two other threads lose no wake") {
  Checked house;
  const Handle handle = house.rt.handle();
  std::atomic<int> threads_done{0};
  std::atomic<int> sum{0};
  house.rt.block_on([&] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        for (int round = 0; round < 100; ++round) {
          std::vector<JoinHandle<int>> tasks;
          for (int i = 0; i < 100; ++i) {
            tasks.push_back(handle.spawn([i] {
              if (i % 3 == 0) runtime::yield_now();
              return 1;
            }));
          }
          for (auto& task : tasks) sum += task.join();
        }
        ++threads_done;
      });
    }
    CHECK(eventually([&] { return threads_done == 2; }));
    for (auto& thread : threads) thread.join();
  });
  CHECK(sum == 20'000);
}
