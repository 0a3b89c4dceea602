// JoinSet: tasks that are joined as they end, on whichever thread.

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "join_set_support.hpp"
#include "support.hpp"

using namespace api_test;
using runtime::JoinSet;

TEST_CASE("join_next gives results in the order in which the tasks ended, and nothing when the set is empty") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<int> set;
    CHECK(set.empty());
    CHECK_FALSE(set.join_next());
    for (const int turns : {3, 1, 2}) {
      set.spawn_local([turns] {
        for (int i = 0; i < turns; ++i) runtime::yield_now();
        return turns;
      });
    }
    CHECK(set.size() == 3);
    CHECK(set.join_next() == 1);
    CHECK(set.join_next() == 2);
    CHECK(set.size() == 1);
    CHECK(set.join_next() == 3);
    CHECK_FALSE(set.join_next());
    CHECK(set.empty());
  });
}

TEST_CASE("try_join_next takes what has ended and never waits") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<int> set;
    bool go = false;
    set.spawn_local([&] {
      while (!go) runtime::yield_now();
      return 4;
    });
    CHECK_FALSE(set.try_join_next());
    settle();
    CHECK_FALSE(set.try_join_next());
    CHECK(set.size() == 1);
    go = true;
    settle();
    CHECK(set.size() == 1);  // ended, and not joined yet
    CHECK(set.try_join_next() == 4);
    CHECK_FALSE(set.try_join_next());
  });
}

TEST_CASE("the void set answers with true; join_next_with_id names the task") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<void> nothing;
    const auto handle = nothing.spawn_local([] {});
    CHECK(nothing.join_next_with_id() == handle.id());
    nothing.spawn_local([] {});
    CHECK(nothing.join_next());
    CHECK_FALSE(nothing.join_next());
    CHECK_FALSE(nothing.try_join_next());
    CHECK_FALSE(nothing.join_next_with_id());

    JoinSet<std::string> words;
    const auto a = words.spawn_local([] { return std::string("a"); });
    const auto b = words.spawn([] { return std::string("b"); });
    CHECK(words.join_next_with_id() == std::pair(a.id(), std::string("a")));
    CHECK(words.join_next_with_id() == std::pair(b.id(), std::string("b")));
    CHECK_FALSE(words.join_next_with_id());
  });
}

TEST_CASE("a failure is rethrown by join_next, and that task leaves the set; an aborted one is a JoinError with its id") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<int> set;
    set.spawn_local([]() -> int { throw std::runtime_error("failed"); });
    set.spawn_local([] { return 2; });
    CHECK_THROWS_WITH_AS(static_cast<void>(set.join_next()), "failed", std::runtime_error);
    CHECK(set.size() == 1);
    CHECK(set.join_next() == 2);

    const auto abort = set.spawn_local([] {
      wait_for_ever();
      return 3;
    });
    settle();
    abort.abort();
    try {
      static_cast<void>(set.join_next());
      FAIL_CHECK("an aborted task has no result");
    } catch (const JoinError& error) {
      CHECK(error.id() == abort.id());
    }
    CHECK(set.empty());
  });
}

TEST_CASE("join_all gives all results as they ended; a failure comes out at once and the rest stays") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<std::unique_ptr<int>> set;
    for (int i = 3; i > 0; --i) {
      set.spawn_local([i] {
        for (int turn = 0; turn < i; ++turn) runtime::yield_now();
        return std::make_unique<int>(i);
      });
    }
    const auto results = set.join_all();
    CHECK(results.size() == 3);
    for (std::size_t i = 0; i < results.size(); ++i) CHECK(*results[i] == static_cast<int>(i) + 1);
    CHECK(set.join_all().empty());

    JoinSet<void> failing;
    failing.spawn_local([] { wait_for_ever(); });
    failing.spawn_local([] { throw std::runtime_error("first"); });
    CHECK_THROWS_WITH_AS(failing.join_all(), "first", std::runtime_error);
    CHECK(failing.size() == 1);
  });
}

TEST_CASE("destroying the set, or giving it another value, aborts what is left in it") {
  Checked house;
  house.rt.block_on([&] {
    int unwound = 0;
    const auto task = [&unwound] {
      const AtExit at_exit([&unwound] { ++unwound; });
      wait_for_ever();
    };
    {
      JoinSet<void> set;
      for (int i = 0; i < 5; ++i) set.spawn_local(task);
      settle();
    }
    settle();
    CHECK(unwound == 5);
    JoinSet<void> set;
    set.spawn_local(task);
    settle();
    JoinSet<void> moved(std::move(set));
    settle();
    CHECK(unwound == 5);
    CHECK(moved.size() == 1);
    CHECK(set.empty());  // NOLINT: a set that was moved from is an empty one
    CHECK_FALSE(set.join_next());
    set.spawn_local(task);
    settle();
    moved = std::move(set);
    settle();
    CHECK(unwound == 6);
    CHECK(moved.size() == 1);
    moved = JoinSet<void>();
    settle();
    CHECK(unwound == 7);
    CHECK(house.rt.metrics().num_alive_tasks() == 0);
  });
}

TEST_CASE("abort_all leaves the tasks to be joined; detach_all lets them run and empties the set") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<int> set;
    for (int i = 0; i < 3; ++i) {
      set.spawn_local([] {
        wait_for_ever();
        return 1;
      });
    }
    set.spawn_local([] { return 2; });
    settle();
    set.abort_all();
    CHECK(set.size() == 4);
    const JoinedRest rest(set);
    CHECK(rest.values == 2);
    CHECK(rest.errors == 3);

    bool ran = false;
    set.spawn_local([&] {
      runtime::yield_now();
      ran = true;
      return 0;
    });
    set.spawn_local([] { return 0; });
    runtime::yield_now();
    set.detach_all();
    CHECK(set.empty());
    CHECK_FALSE(set.join_next());
    settle();
    CHECK(ran);
  });
}

TEST_CASE("shutdown aborts, waits until all have ended, and drops what they gave") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<std::shared_ptr<int>> set;
    int unwound = 0;
    const auto shared = std::make_shared<int>(1);
    for (int i = 0; i < 4; ++i) {
      set.spawn_local([&unwound, shared] {
        try {
          const AtExit at_exit([&unwound] {
            runtime::sleep_for(100us);
            ++unwound;
          });
          wait_for_ever();
        } catch (const Cancelled&) {
        }
        return shared;
      });
    }
    settle();
    set.shutdown();
    CHECK(set.empty());
    CHECK(unwound == 4);
    CHECK(shared.use_count() == 1);
  });
}

TEST_CASE("a caller that is cancelled in join_next, join_all or shutdown loses no task") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<int> set;
    bool go = false;
    for (int i = 0; i < 2; ++i) {
      set.spawn_local([&] {
        runtime::shield([&] {
          while (!go) runtime::yield_now();
        });
        return 5;
      });
    }
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { static_cast<void>(set.join_next()); }), runtime::Elapsed);
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { static_cast<void>(set.join_all()); }), runtime::Elapsed);
    CHECK(set.size() == 2);
    // Cancellation wins over a task that has ended and was not yet taken; it stays.
    std::optional<runtime::AbortHandle> abort;
    auto joiner = runtime::spawn_local([&] { static_cast<void>(set.join_next()); });
    abort = joiner.abort_handle();
    runtime::spawn_local([&] {
      go = true;
      runtime::yield_now();
      abort->abort();
    });
    CHECK_THROWS_AS(joiner.join(), JoinError);
    CHECK(set.size() == 2);
    CHECK(set.join_all() == std::vector<int>{5, 5});
    set.spawn_local([] {
      runtime::shield([] { runtime::sleep_for(3ms); });
      return 6;
    });
    settle();
    CHECK_THROWS_AS(runtime::timeout(500us, [&] { set.shutdown(); }), runtime::Elapsed);
    CHECK(set.size() == 1);
    set.shutdown();
    CHECK(set.empty());
  });
}

TEST_CASE("a task that is cancelled already may take what has ended without waiting; the result is not lost on the way") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<int> set;
    set.spawn_local([] { return 1; });
    set.spawn_local([] { return 2; });
    settle();
    std::optional<runtime::AbortHandle> self;
    int taken = 0;
    auto task = runtime::spawn_local([&] {
      self->abort();
      taken = set.try_join_next().value_or(0);
      static_cast<void>(set.join_next());
    });
    self = task.abort_handle();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(taken == 1);
    CHECK(set.join_next() == 2);
  });
}

TEST_CASE("an abort that comes while join_next gives way for its budget loses no task") {
  Checked house(Builder().coop_budget(1));
  house.rt.block_on([] {
    JoinSet<int> set;
    for (int i = 1; i <= 3; ++i) set.spawn_local([i] { return i; });
    settle();
    int sum = 0;
    std::optional<runtime::AbortHandle> abort;
    auto task = runtime::spawn_local([&] {
      for (;;) sum += *set.join_next();
    });
    abort = task.abort_handle();
    runtime::spawn_local([&] { abort->abort(); });
    CHECK_THROWS_AS(task.join(), JoinError);
    while (const auto value = set.join_next()) sum += *value;
    CHECK(sum == 6);
  });
}

TEST_CASE("a set may be added to and aborted while a fiber waits in it") {
  Checked house;
  house.rt.block_on([] {
    JoinSet<int> set;
    set.spawn_local([] {
      wait_for_ever();
      return 1;
    });
    auto joiner = runtime::spawn_local([&] { return set.join_next(); });
    settle();
    set.spawn_local([] { return 2; });
    CHECK(joiner.join() == 2);
    auto other = runtime::spawn_local([&] { static_cast<void>(set.join_next()); });
    settle();
    set.abort_all();
    CHECK_THROWS_AS(other.join(), JoinError);
    CHECK(set.empty());
  });
}

TEST_CASE("a set may be used on another thread than its tasks, which waits there") {
  Checked house;
  std::atomic<bool> done{false};
  JoinSet<int> set;
  house.rt.block_on([&] {
    for (int i = 0; i < 10; ++i) {
      set.spawn([i] {
        runtime::sleep_for(std::chrono::microseconds(100 * i));
        return i;
      });
    }
    std::thread other([&, mine = std::move(set)]() mutable {
      int sum = 0;
      while (const auto value = mine.join_next()) sum += *value;
      CHECK(sum == 45);
      done = true;
    });
    CHECK(eventually([&] { return done.load(); }));
    other.join();
  });
}

TEST_CASE("a set outlives its runtime: its tasks are JoinErrors then") {
  const Limits limits;
  std::optional<JoinSet<int>> set(std::in_place);
  {
    LocalRuntime rt;
    rt.block_on([&] {
      set->spawn_local([] {
        wait_for_ever();
        return 1;
      });
      set->spawn_local([] { return 2; });
      settle();
    });
  }
  CHECK(set->size() == 2);
  CHECK(set->join_next() == 2);
  CHECK_THROWS_AS(static_cast<void>(set->join_next()), JoinError);
  CHECK_FALSE(set->join_next());
  CHECK(code_of([&] { set->spawn_local([] { return 3; }); }) == Errc::no_runtime);
  CHECK(set->empty());
}

TEST_CASE("results that are dropped with the set may wait in their destructors; failures are reported") {
  Checked house;
  CapturedStderr captured;
  house.rt.block_on([] {
    int dropped = 0;
    {
      JoinSet<std::shared_ptr<void>> set;
      set.spawn_local([&]() -> std::shared_ptr<void> {
        return {nullptr, [&dropped](void*) {
                  runtime::sleep_for(100us);
                  ++dropped;
                }};
      });
      set.spawn_local([]() -> std::shared_ptr<void> { throw std::runtime_error("nobody asked"); });
      settle();
    }
    CHECK(dropped == 1);
  });
  CHECK(occurrences(captured.text(), "nobody asked") == 1);
}

TEST_CASE("tasks whose result converts to the set's type, and results that cannot be assigned") {
  struct Fixed {
    explicit Fixed(int number) : value(number) {}
    Fixed(Fixed&&) = default;
    Fixed& operator=(Fixed&&) = delete;
    const int value;
  };
  Checked house;
  house.rt.block_on([] {
    JoinSet<std::string> words;
    words.spawn_local([] { return "literal"; });
    CHECK(words.join_next() == "literal");
    JoinSet<Fixed> fixed;
    fixed.spawn_local([] { return Fixed(3); });
    CHECK(fixed.join_next()->value == 3);
    static int global = 4;
    JoinSet<int&> references;
    references.spawn_local([]() -> int& { return global; });
    CHECK(references.join_next() == 4);
  });
}
