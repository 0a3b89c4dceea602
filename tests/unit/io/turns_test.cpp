#include "io/turns.hpp"

#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "io/wait.hpp"
#include "support/descriptors.hpp"
#include "support/eventually.hpp"
#include "support/leak_check.hpp"

using namespace runtime::io;

namespace {

struct Fixture : test::LeakCheck {
  ~Fixture() { test::check_quiet(rt.metrics()); }

  template <class F>
  auto start(F f) {
    auto handle = runtime::spawn_local(std::move(f));
    runtime::yield_now();
    return handle;
  }
  TurnEnd enter() { return turns.enter(-1, kReadable); }

  runtime::LocalRuntime rt;
  test::FdPair pipe = test::make_pipe();
  Turns turns;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "turns come in the order of asking, and nobody overtakes the one who was told") {
  std::string order;
  rt.block_on([&] {
    CHECK(enter() == TurnEnd::mine);
    const auto in_turn = [&](char name) {
      return start([&, name] {
        CHECK(enter() == TurnEnd::mine);
        order += name;
        turns.leave();
      });
    };
    auto a = in_turn('a'), b = in_turn('b');
    turns.leave();  // a is told, and has not run yet
    CHECK(enter() == TurnEnd::mine);
    order += 'r';
    turns.leave();
    a.join(), b.join();
  });
  CHECK(order == "abr");
}

TEST_CASE_FIXTURE(Fixture, "a cancelled waiter leaves the list; one that was told already passes its turn on") {
  rt.block_on([&] {
    CHECK(enter() == TurnEnd::mine);
    const auto waiter = [&] {
      return start([&] {
        const TurnEnd end = enter();
        if (end == TurnEnd::mine) turns.leave();
        return end;
      });
    };
    auto unlisted = waiter(), told = waiter(), last = waiter();
    TurnEnd end{};
    auto swallows = start([&] { end = enter(); });
    unlisted.abort();
    swallows.abort();
    swallows.wait();
    CHECK(end == TurnEnd::cancelled);
    unlisted.wait();
    turns.leave();
    told.abort();
    told.wait();
    CHECK(last.join() == TurnEnd::mine);
    CHECK(enter() == TurnEnd::mine);
    turns.leave();
  });
}

TEST_CASE_FIXTURE(Fixture, "closing ends all waits, and every later one at once") {
  rt.block_on([&] {
    auto holder = start([&] {
      CHECK(enter() == TurnEnd::mine);
      const TurnEnd end = turns.wait_ready(pipe.first.get(), kReadable);
      turns.leave();
      return end;
    });
    auto queued = start([&] { return enter(); });
    turns.close();
    CHECK(turns.is_closed());
    CHECK(holder.join() == TurnEnd::closed);
    CHECK(queued.join() == TurnEnd::closed);
    CHECK(enter() == TurnEnd::closed);
    CHECK(turns.wait_ready(pipe.second.get(), kWritable) == TurnEnd::closed);
  });
}

TEST_CASE_FIXTURE(Fixture, "closing wakes a thread in poll, and a thread that waits for its turn") {
  CHECK(enter() == TurnEnd::mine);
  std::thread queued([&] { CHECK(enter() == TurnEnd::closed); });
  std::thread polling([&] { CHECK(turns.wait_ready(pipe.first.get(), kReadable) == TurnEnd::closed); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  turns.close();
  queued.join();
  polling.join();
  turns.leave();
}

TEST_CASE_FIXTURE(Fixture, "a ready descriptor ends the wait of whoever has the turn, on a fiber and on a thread") {
  test::write_byte(pipe.second);
  CHECK(turns.wait_ready(pipe.first.get(), kReadable) == TurnEnd::mine);
  CHECK(rt.block_on([&] { return turns.wait_ready(pipe.first.get(), kReadable); }) == TurnEnd::mine);
}

TEST_CASE_FIXTURE(Fixture, "fibers of two runtimes and threads have their turns one at a time") {
  constexpr int kRounds = 2000;
  int inside = 0, sum = 0;  // guarded by the turns
  const auto rounds = [&] {
    for (int i = 0; i < kRounds; ++i) {
      if (enter() != TurnEnd::mine) return;
      if (++inside == 1) ++sum;
      if (i % 64 == 0 && on_fiber()) runtime::yield_now();
      --inside;
      turns.leave();
    }
  };
  const auto fibers = [&] {
    auto a = runtime::spawn_local(rounds), b = runtime::spawn_local(rounds);
    a.join(), b.join();
  };
  std::thread thread(rounds);
  std::thread other([&] { runtime::run(fibers); });
  rt.block_on(fibers);
  thread.join();
  other.join();
  CHECK(sum == 5 * kRounds);
}
