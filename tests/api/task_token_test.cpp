// CancellationToken: one word to many, in a tree, from any thread.

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::CancellationToken;

TEST_CASE("copies are the same token, children are others") {
  const CancellationToken token;
  const CancellationToken copy = token;
  const CancellationToken child = token.child_token();
  CancellationToken other;
  CHECK(copy == token);
  CHECK(child != token);
  CHECK(child != token.child_token());
  CHECK(other != token);
  other = token;
  CHECK(other == token);
  CHECK_FALSE(token.is_cancelled());
  copy.cancel();
  copy.cancel();  // once is enough
  CHECK(token.is_cancelled());
  CHECK(other.is_cancelled());
  CHECK(child.is_cancelled());
}

TEST_CASE("cancelling reaches every token below and none beside or above") {
  const CancellationToken root;
  const CancellationToken left = root.child_token(), right = root.child_token();
  const CancellationToken leaf = left.child_token(), twig = leaf.child_token();
  left.cancel();
  CHECK(left.is_cancelled());
  CHECK(leaf.is_cancelled());
  CHECK(twig.is_cancelled());
  CHECK_FALSE(root.is_cancelled());
  CHECK_FALSE(right.is_cancelled());
  CHECK(left.child_token().is_cancelled());  // born so
  CHECK_FALSE(right.child_token().is_cancelled());
  root.cancel();
  CHECK(right.is_cancelled());
}

TEST_CASE("a token stays below its grandparent when the one between is gone; one that is gone leaves no trace") {
  const CancellationToken root;
  std::optional<CancellationToken> middle(root.child_token());
  const CancellationToken leaf = middle->child_token();
  middle.reset();
  for (int i = 0; i < 100; ++i) static_cast<void>(root.child_token());
  CHECK_FALSE(leaf.is_cancelled());
  root.cancel();
  CHECK(leaf.is_cancelled());
}

TEST_CASE("a line of a hundred thousand tokens is cancelled and freed without a stack for each") {
  CancellationToken first, last = first;
  for (int i = 0; i < 100'000; ++i) last = last.child_token();
  first.cancel();
  CHECK(last.is_cancelled());
  first = CancellationToken();
  last = CancellationToken();
}

TEST_CASE("wait parks until the token is cancelled, and does not if it is") {
  Checked house;
  house.rt.block_on([] {
    const CancellationToken token;
    const CancellationToken child = token.child_token();
    int woken = 0;
    std::vector<JoinHandle<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(runtime::spawn_local([&, i] {
        (i == 0 ? token : child).wait();
        ++woken;
      }));
    }
    settle();
    CHECK(woken == 0);
    token.cancel();
    CHECK(woken == 0);  // it runs no code of theirs
    for (auto& waiter : waiters) waiter.join();
    CHECK(woken == 3);
    child.wait();
  });
}

TEST_CASE("a waiter that is cancelled leaves, and the token forgets it") {
  Checked house;
  house.rt.block_on([] {
    const CancellationToken token;
    auto waiter = runtime::spawn_local([&] { token.wait(); });
    settle();
    waiter.abort();
    CHECK_THROWS_AS(waiter.join(), JoinError);
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { token.wait(); }), runtime::Elapsed);
    token.cancel();
  });
}

TEST_CASE("a waiter's own token variable may be given another value, or go, while he waits or runs under it") {
  Checked house;
  house.rt.block_on([] {
    std::optional<CancellationToken> token(std::in_place);
    const CancellationToken first = *token;
    auto waiter = runtime::spawn_local([&] { token->wait(); });
    auto runner = runtime::spawn_local([&] { return token->run_until_cancelled([] { wait_for_ever(); }); });
    settle();
    token = CancellationToken();
    token.reset();
    first.cancel();
    waiter.join();
    CHECK_FALSE(runner.join());
    CancellationToken own;
    CHECK(own.run_until_cancelled([&] {
      own = CancellationToken();
      runtime::yield_now();
      return 1;
    }) == 1);
  });
}

TEST_CASE("run_until_cancelled gives the result, or nothing once the token is cancelled and the frames are unwound") {
  Checked house;
  house.rt.block_on([] {
    const CancellationToken token;
    CHECK(token.run_until_cancelled([] { return 3; }) == 3);
    CHECK(token.run_until_cancelled([] {}));
    CHECK(**token.run_until_cancelled([] { return std::make_unique<int>(4); }) == 4);
    int local = 5;
    CHECK(token.run_until_cancelled([&]() -> int& { return local; }) == 5);
    CHECK_THROWS_AS(static_cast<void>(token.run_until_cancelled([]() -> int { throw std::runtime_error("own"); })),
                    std::runtime_error);

    std::string log;
    runtime::spawn_local([&] { token.cancel(); });
    CHECK_FALSE(token.run_until_cancelled([&] {
      const AtExit at_exit([&] {
        CHECK(runtime::this_task::is_cancelled());
        runtime::sleep_for(100us);
        log += "unwound";
      });
      wait_for_ever();
      return 1;
    }));
    CHECK(log == "unwound");
    CHECK_FALSE(runtime::this_task::is_cancelled());
    runtime::sleep_for(1us);

    bool called = false;
    CHECK_FALSE(token.run_until_cancelled([&] { called = true; }));
    CHECK_FALSE(called);
  });
}

TEST_CASE("completion wins: who swallows it, or is done before the next wait, has a value") {
  Checked house;
  house.rt.block_on([] {
    CancellationToken token;
    CHECK(token.run_until_cancelled([&] {
      token.cancel();
      return 1;
    }) == 1);
    token = CancellationToken();
    CHECK(token.run_until_cancelled([&] {
      token.cancel();
      try {
        wait_for_ever();
      } catch (...) {
      }
      return 2;
    }) == 2);
  });
}

TEST_CASE("nested: the outer token wins, the inner one ends its own call only, an abort ends both") {
  Checked house;
  house.rt.block_on([] {
    const CancellationToken outer, inner;
    bool went_on = false;
    CHECK_FALSE(outer.run_until_cancelled([&] {
      CHECK_FALSE(inner.run_until_cancelled([&] {
        inner.cancel();
        wait_for_ever();
      }));
      runtime::yield_now();
      went_on = true;
      static_cast<void>(CancellationToken().run_until_cancelled([&] {
        outer.cancel();
        wait_for_ever();
      }));
      FAIL_CHECK("went on under a cancelled token");
    }));
    CHECK(went_on);
    auto task = runtime::spawn_local([&] {
      static_cast<void>(CancellationToken().run_until_cancelled([&] { wait_for_ever(); }));
      FAIL_CHECK("an abort is not the token's");
    });
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    // Cancelled by hand is nobody's.
    CHECK_THROWS_AS(static_cast<void>(CancellationToken().run_until_cancelled([] { throw Cancelled(); })), Cancelled);
  });
}

TEST_CASE("a guard cancels when it goes, unless it was disarmed or moved from") {
  const CancellationToken token;
  { const auto child_guard = token.child_token().drop_guard(); }
  CHECK_FALSE(token.is_cancelled());
  {
    auto guard = token.drop_guard();
    CHECK(guard.disarm() == token);
  }
  CHECK_FALSE(token.is_cancelled());
  {
    auto guard = token.drop_guard();
    auto moved = std::move(guard);
    CHECK_FALSE(token.is_cancelled());
  }
  CHECK(token.is_cancelled());
  const CancellationToken a, b;
  auto guard = a.drop_guard();
  guard = b.drop_guard();
  CHECK(a.is_cancelled());
  CHECK_FALSE(b.is_cancelled());
}

TEST_CASE("a thread waits for a token, and one thread's cancel reaches fibers of two runtimes and a thread") {
  const Limits limits;
  const CancellationToken token;
  std::atomic<int> waiting{0}, ended{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      runtime::run([&] {
        auto under = runtime::spawn_local([&] { return token.run_until_cancelled([] { wait_for_ever(); }); });
        ++waiting;
        token.wait();
        CHECK_FALSE(under.join());
      });
      ++ended;
    });
  }
  threads.emplace_back([&] {
    ++waiting;
    token.wait();
    CHECK(token.run_until_cancelled([] { return 1; }) == std::nullopt);
    ++ended;
  });
  CHECK(eventually([&] { return waiting == 3; }));
  CHECK(ended == 0);
  token.cancel();
  for (std::thread& thread : threads) thread.join();
  CHECK(ended == 3);
  // Where no fiber is, the function runs to its end.
  const CancellationToken another;
  CHECK(another.run_until_cancelled([&] {
    another.cancel();
    runtime::sleep_for(1us);
    return 7;
  }) == 7);
}

TEST_CASE("tokens are made, cancelled, waited for and dropped on several threads at once") {
  const Limits limits;
  for (int round = 0; round < 100; ++round) {
    const CancellationToken root;
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&, child = root.child_token()] {
        ++begun;
        runtime::run([&] {
          static_cast<void>(child.run_until_cancelled([&] {
            for (;;) {
              const auto leaf = child.child_token();
              static_cast<void>(leaf.run_until_cancelled([] { runtime::yield_now(); }));
              if (leaf.child_token().is_cancelled()) leaf.wait();
            }
          }));
        });
        CHECK(child.is_cancelled());
      });
    }
    while (begun < 2) std::this_thread::yield();
    if (round % 3 == 0) std::this_thread::sleep_for(50us);
    root.cancel();
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_CASE("a shutdown ends those who wait for tokens, which may be cancelled afterwards") {
  const Limits limits;
  const CancellationToken token;
  {
    LocalRuntime rt;
    rt.block_on([&] {
      runtime::spawn_local([token] { token.wait(); });
      runtime::spawn_local([token] { static_cast<void>(token.run_until_cancelled([] { wait_for_ever(); })); });
      settle();
    });
    CHECK(rt.shutdown_timeout(1h).tasks_cancelled == 2);
  }
  token.cancel();
}
