// TaskTracker: counts tasks, and waits for a moment in which it is closed and has none.

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::TaskTracker;

TEST_CASE("open, close and reopen answer whether they changed anything") {
  const TaskTracker unused;
  TaskTracker tracker;
  CHECK_FALSE(tracker.is_closed());
  CHECK_FALSE(tracker.reopen());
  CHECK(tracker.close());
  CHECK_FALSE(tracker.close());
  CHECK(tracker.is_closed());
  const TaskTracker copy = tracker;  // the same count
  CHECK(copy.is_closed());
  CHECK(tracker.reopen());
  CHECK_FALSE(copy.is_closed());
}

TEST_CASE("wait returns at once when closed and empty, else when the last of the two comes true") {
  Checked house;
  house.rt.block_on([] {
    TaskTracker tracker;
    tracker.close();
    tracker.wait();
    tracker.reopen();

    auto waiter = runtime::spawn_local([&] { tracker.wait(); });
    settle();
    CHECK_FALSE(waiter.is_finished());  // empty, but open
    tracker.close();
    waiter.join();

    tracker.reopen();
    bool go = false;
    auto task = tracker.spawn_local([&] {
      while (!go) runtime::yield_now();
      return 4;
    });
    CHECK(tracker.size() == 1);
    CHECK_FALSE(tracker.empty());
    tracker.close();
    waiter = runtime::spawn_local([&] { tracker.wait(); });
    settle();
    CHECK_FALSE(waiter.is_finished());  // closed, but not empty
    go = true;
    waiter.join();
    CHECK(tracker.empty());
    CHECK(task.join() == 4);
  });
}

TEST_CASE("whoever waits has seen the moment, be the tracker opened again before he runs") {
  Checked house;
  house.rt.block_on([] {
    TaskTracker tracker;
    auto waiter = runtime::spawn_local([&] { tracker.wait(); });
    settle();
    tracker.close();
    tracker.reopen();
    waiter.join();
    // And a task that is spawned then is not his.
    waiter = runtime::spawn_local([&] { tracker.wait(); });
    settle();
    tracker.close();
    auto late = tracker.spawn_local([] { wait_for_ever(); });  // a closed tracker takes tasks, too
    waiter.join();
    CHECK(tracker.size() == 1);
    late.abort();
    tracker.wait();
  });
}

TEST_CASE("a task counts until its captures are destroyed, whichever way it ends") {
  Checked house;
  house.rt.block_on([] {
    TaskTracker tracker;
    tracker.close();
    int destroyed = 0;
    const auto slow = [&] {
      return Farewell([&] {
        runtime::sleep_for(200us);
        ++destroyed;
      });
    };
    tracker.spawn_local([f = slow()] {});
    auto failing = tracker.spawn_local([f = slow()] { throw std::runtime_error("failed"); });
    auto aborted = tracker.spawn_local([f = slow()] { wait_for_ever(); });
    auto unstarted = tracker.spawn_local([f = slow()] {});
    unstarted.abort();
    settle();
    aborted.abort();
    tracker.wait();
    CHECK(destroyed == 4);
    CHECK_THROWS_AS(failing.join(), std::runtime_error);
    CHECK_THROWS_AS(aborted.join(), JoinError);
    CHECK_THROWS_AS(unstarted.join(), JoinError);
  });
}

TEST_CASE("destroying the tracker leaves its tasks alone") {
  Checked house;
  house.rt.block_on([] {
    std::optional<TaskTracker> tracker(std::in_place);
    auto task = tracker->spawn_local([] {
      runtime::yield_now();
      return 5;
    });
    tracker.reset();
    CHECK(task.join() == 5);
  });
}

TEST_CASE("a waiter's own tracker variable may be given another value, or go, while he waits") {
  Checked house;
  house.rt.block_on([] {
    std::optional<TaskTracker> tracker(std::in_place);
    TaskTracker first = *tracker;
    auto waiter = runtime::spawn_local([&] { tracker->wait(); });
    settle();
    tracker = TaskTracker();
    tracker.reset();
    first.close();
    waiter.join();
  });
}

TEST_CASE("several wait; one that is cancelled leaves the others waiting") {
  Checked house;
  house.rt.block_on([] {
    TaskTracker tracker;
    std::vector<JoinHandle<void>> waiters;
    for (int i = 0; i < 3; ++i) waiters.push_back(runtime::spawn_local([&] { tracker.wait(); }));
    settle();
    waiters[1].abort();
    CHECK_THROWS_AS(waiters[1].join(), JoinError);
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { tracker.wait(); }), runtime::Elapsed);
    tracker.close();
    waiters[0].join();
    waiters[2].join();
  });
}

TEST_CASE("blocking closures and tasks from other threads count, and a plain thread waits as well") {
  Checked house;
  TaskTracker tracker;
  std::atomic<int> ended{0};
  std::atomic<bool> waited{false};
  std::thread waiter([&] {
    tracker.wait();
    CHECK(ended == 40);
    waited = true;
  });
  house.rt.block_on([&] {
    const Handle handle = Handle::current();
    std::thread spawner([&] {
      const auto guard = handle.enter();
      for (int i = 0; i < 20; ++i) {
        tracker.spawn([&] {
          runtime::yield_now();
          ++ended;
        });
      }
    });
    for (int i = 0; i < 20; ++i) tracker.spawn_blocking([&] { ++ended; });
    spawner.join();
    CHECK_FALSE(waited);
    tracker.close();
    tracker.wait();
    CHECK(eventually([&] { return waited.load(); }));
  });
  waiter.join();
}

TEST_CASE("misuse: spawning without a runtime changes nothing") {
  Checked house;
  TaskTracker tracker;
  CHECK(code_of([&] { tracker.spawn_local([] {}); }) == Errc::no_runtime);
  CHECK(tracker.empty());
}
