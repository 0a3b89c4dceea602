// The budget: a task whose waits all complete at once gives way now and then.

#include <string>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

/// What `wait` is worth: how many times it goes through in each resume, as a task beside it sees.
template <class Wait>
std::string turns_between(LocalRuntime& rt, int times, Wait wait) {
  return rt.block_on([&] {
    int turn = 0;
    bool over = false;
    std::string log;
    auto other = runtime::spawn_local([&] {
      while (!over) {
        runtime::yield_now();
        ++turn;
      }
    });
    auto task = runtime::spawn_local([&] {
      runtime::yield_now();
      turn = 0;
      for (int i = 0; i < times; ++i) {
        wait();
        log += std::to_string(turn);
      }
      over = true;
    });
    task.join();
    other.join();
    return log;
  });
}

}  // namespace

TEST_CASE("consume_budget gives way when nothing is left, and the resume after it begins with all of it") {
  Checked house(Builder().coop_budget(4));
  CHECK(turns_between(house.rt, 12, [] { runtime::this_task::consume_budget(); }) == "000011112222");
  Checked other(Builder().coop_budget(1));
  CHECK(turns_between(other.rt, 4, [] { runtime::this_task::consume_budget(); }) == "0123");
}

TEST_CASE("every wait that completes at once costs one") {
  Checked house(Builder().coop_budget(3));
  house.rt.block_on([] {});
  std::optional<JoinHandle<void>> done;
  house.rt.block_on([&] {
    done = runtime::spawn_local([] {});
    done->wait();
  });
  CHECK(turns_between(house.rt, 7, [&] { done->wait(); }) == "0001112");
  CHECK(turns_between(house.rt, 7, [&] { static_cast<void>(done->wait()); }) == "0001112");

  const runtime::CancellationToken token;
  token.cancel();
  CHECK(turns_between(house.rt, 7, [&] { token.wait(); }) == "0001112");

  runtime::TaskTracker tracker;
  tracker.close();
  CHECK(turns_between(house.rt, 7, [&] { tracker.wait(); }) == "0001112");

  runtime::JoinSet<void> set;
  house.rt.block_on([&] {
    for (int i = 0; i < 7; ++i) set.spawn_local([] {});
    settle();
  });
  CHECK(turns_between(house.rt, 7, [&] { set.join_next(); }) == "0001112");
}

TEST_CASE("what never waits costs nothing") {
  Checked house(Builder().coop_budget(2));
  runtime::JoinSet<void> set;
  const runtime::CancellationToken token;
  CHECK(turns_between(house.rt, 6, [&] { set.try_join_next(); }) == "000000");
  CHECK(turns_between(house.rt, 6, [&] { static_cast<void>(token.is_cancelled()); }) == "000000");
  CHECK(turns_between(house.rt, 6, [&] { runtime::this_task::check_cancelled(); }) == "000000");
}

TEST_CASE("the default is 128, for the root as for tasks") {
  Checked house;
  house.rt.block_on([] {
    int turns = 0;
    auto other = runtime::spawn_local([&] {
      for (;; ++turns) runtime::yield_now();
    });
    runtime::yield_now();
    // The other one has more than one turn while the root gives way.
    const auto gave_way_after = [&](int units) {
      const int before = turns;
      for (int i = 0; i < units; ++i) runtime::this_task::consume_budget();
      return turns != before;
    };
    CHECK_FALSE(gave_way_after(128));
    CHECK(gave_way_after(1));
    CHECK_FALSE(gave_way_after(127));
    CHECK(gave_way_after(1));
    other.abort();
  });
}

TEST_CASE("a loop of waits that complete at once keeps neither timers nor descriptors from their news") {
  Checked house;
  house.rt.block_on([] {
    bool rung = false;
    runtime::spawn_local([&] {
      runtime::sleep_for(1ms);
      rung = true;
    });
    auto done = runtime::spawn_local([] {});
    done.wait();
    while (!rung) done.wait();
  });
}

TEST_CASE("consume_budget is a suspension point, and does nothing outside fibers") {
  runtime::this_task::consume_budget();
  Checked house;
  house.rt.block_on([] {
    runtime::spawn_blocking([] {
      for (int i = 0; i < 1000; ++i) runtime::this_task::consume_budget();
    }).join();
    std::optional<runtime::AbortHandle> self;
    bool went_on = false;
    auto task = runtime::spawn_local([&] {
      self->abort();
      runtime::this_task::consume_budget();
      went_on = true;
    });
    self = task.abort_handle();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK_FALSE(went_on);
  });
}

TEST_CASE("misuse: a budget of nothing") {
  CHECK(code_of([] { Builder().coop_budget(0); }) == Errc::invalid_argument);
}
