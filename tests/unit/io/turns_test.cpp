#include "io/turns.hpp"

#include <atomic>
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
    CHECK_FALSE(turns.close(pipe.first.get()));
    CHECK(turns.is_closed());
    CHECK(holder.join() == TurnEnd::closed);
    CHECK(queued.join() == TurnEnd::closed);
    CHECK(enter() == TurnEnd::closed);
    CHECK(turns.wait_ready(pipe.second.get(), kWritable) == TurnEnd::closed);
  });
}

TEST_CASE_FIXTURE(Fixture, "whoever had a free turn at once has no share until it is closed") {
  const int fd = pipe.first.get();
  REQUIRE(turns.enter_at_once());
  CHECK_FALSE(turns.enter_at_once());
  CHECK_FALSE(turns.leave());

  rt.block_on([&] {
    REQUIRE(turns.enter_at_once());
    auto next = start([&] {
      CHECK(enter() == TurnEnd::mine);
      return turns.leave();
    });
    auto last = start([&] { return enter(); });
    CHECK_FALSE(turns.leave());  // to whom waits, with a share of his own, while another waits
    CHECK(next.join());
    CHECK(last.join() == TurnEnd::mine);
    CHECK(turns.leave());
  });

  REQUIRE(turns.enter_at_once());
  CHECK(turns.close(fd));
  CHECK_FALSE(turns.enter_at_once());
  CHECK(turns.leave());
  CHECK(enter() == TurnEnd::closed);
}

TEST_CASE_FIXTURE(Fixture, "a turn ends while it is closed: either its end comes first, or it is left a share") {
  constexpr int kRounds = 2000;
  std::vector<Turns> all(kRounds);
  std::vector<char> has_share(kRounds), gave_share(kRounds);
  std::atomic<int> begun{0};
  std::thread calling([&] {
    for (int i = 0; i < kRounds; ++i) {
      if (!all[i].enter_at_once()) continue;
      begun.store(i + 1);
      for (int pause = i % 16; pause > 0; --pause) begun.load();
      has_share[i] = all[i].leave();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    while (begun.load() <= i) std::this_thread::yield();
    gave_share[i] = all[i].close(-1);
  }
  calling.join();
  CHECK(has_share == gave_share);
}

TEST_CASE_FIXTURE(Fixture, "closing wakes a thread in poll, and a thread that waits for its turn") {
  CHECK(enter() == TurnEnd::mine);
  std::thread queued([&] { CHECK(enter() == TurnEnd::closed); });
  std::thread polling([&] { CHECK(turns.wait_ready(pipe.first.get(), kReadable) == TurnEnd::closed); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(turns.close(pipe.first.get()));
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
