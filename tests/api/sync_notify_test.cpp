// Notify and Barrier: who is told, in which order, and what is kept.

#include "sync_support.hpp"

using namespace api_test;

namespace {

/// Tasks that wait, each with a name that it writes down when it is told.
struct Waiters {
  JoinHandle<void> spawn(char name) {
    return spawn_settled([this, name] {
      notify.notified();
      order += name;
    });
  }
  sync::Notify notify;
  std::string order;
};

sync::Notify constant_initialised;

}  // namespace

TEST_CASE("one permit is kept when nobody waits, and never more than one") {
  const Limits limits;
  sync::Notify& notify = constant_initialised;
  CHECK_FALSE(notify.notified_for(0ms));
  notify.notify_one();
  notify.notify_one();
  notify.notify_last();
  notify.notified();
  CHECK_FALSE(notify.notified_for(1ms));
  notify.notify_waiters();  // keeps nothing
  CHECK_FALSE(notify.notified_for(1ms));
  CHECK(code_of([&] { static_cast<void>(notify.notified_for(-1ms)); }) == Errc::invalid_argument);
}

TEST_CASE("notify_one tells the first who came, notify_last the last") {
  Checked house;
  house.rt.block_on([] {
    Waiters waiters;
    std::vector<JoinHandle<void>> tasks;
    for (const char name : {'0', '1', '2', '3'}) tasks.push_back(waiters.spawn(name));
    waiters.notify.notify_last();
    waiters.notify.notify_one();
    waiters.notify.notify_one();
    waiters.notify.notify_last();
    for (auto& task : tasks) task.join();
    CHECK(waiters.order == "3012");
    CHECK_FALSE(waiters.notify.notified_for(0ms));
  });
}

TEST_CASE("notify_waiters tells all who wait, and nobody who comes later") {
  Checked house;
  house.rt.block_on([] {
    Waiters waiters;
    auto a = waiters.spawn('a'), b = waiters.spawn('b');
    waiters.notify.notify_waiters();
    auto later = waiters.spawn('l');
    a.join();
    b.join();
    CHECK(waiters.order == "ab");
    CHECK_FALSE(later.is_finished());
    waiters.notify.notify_one();
    later.join();
  });
}

TEST_CASE("one who is aborted while he is told passes it on in the same way, unless all were told") {
  Checked house;
  house.rt.block_on([] {
    Waiters waiters;
    auto a = waiters.spawn('a'), b = waiters.spawn('b'), c = waiters.spawn('c');
    waiters.notify.notify_one();
    a.abort();
    CHECK(was_cancelled(a));
    b.join();
    CHECK(waiters.order == "b");

    auto d = waiters.spawn('d');
    waiters.notify.notify_last();
    d.abort();
    CHECK(was_cancelled(d));
    c.join();
    CHECK(waiters.order == "bc");

    auto e = waiters.spawn('e');
    waiters.notify.notify_one();
    e.abort();
    CHECK(was_cancelled(e));
    CHECK(waiters.notify.notified_for(0ms));  // nobody waited, so it became the permit

    auto f = waiters.spawn('f');
    waiters.notify.notify_waiters();
    f.abort();
    CHECK(was_cancelled(f));
    CHECK_FALSE(waiters.notify.notified_for(0ms));

    auto g = waiters.spawn('g'), h = waiters.spawn('h');
    g.abort();
    waiters.notify.notify_one();  // before 'g' has left
    CHECK(was_cancelled(g));
    h.join();
  });
}

TEST_CASE("a limit ends the wait and leaves no trace; both waits are suspension points") {
  Checked house;
  house.rt.block_on([] {
    Waiters waiters;
    runtime::spawn_local([&] { CHECK_FALSE(waiters.notify.notified_for(1ms)); }).join();
    waiters.notify.notify_one();
    CHECK(is_suspension_point([&] { waiters.notify.notified(); }));
    CHECK(is_suspension_point([&] { static_cast<void>(waiters.notify.notified_for(1h)); }));
    CHECK(waiters.notify.notified_for(0ms));  // it is still there
    auto told = spawn_settled([&] { CHECK(waiters.notify.notified_for(1h)); });
    waiters.notify.notify_one();
    told.join();
  });
}

TEST_CASE("a ball goes round between two runtimes and a plain thread") {
  constexpr int kRounds = 500;
  Checked house;
  sync::Notify a, b, c;
  const auto player = [](sync::Notify& mine, sync::Notify& next) {
    for (int i = 0; i < kRounds; ++i) {
      mine.notified();
      next.notify_one();
    }
  };
  OtherRuntime other([&] { player(b, c); });
  Thread plain([&] { player(c, a); });
  a.notify_one();
  house.rt.block_on([&] { runtime::spawn_local([&] { player(a, b); }).join(); });
  other.join();
  plain.join();
  CHECK(a.notified_for(0ms));
}

TEST_CASE("a barrier lets n go on together, the last of them as the leader, again and again") {
  Checked house;
  house.rt.block_on([] {
    sync::Barrier barrier(3);
    for (int round = 0; round < 3; ++round) {
      int leaders = 0, passed = 0;
      const auto arrive = [&] {
        leaders += barrier.wait().is_leader();
        ++passed;
      };
      auto a = spawn_settled(arrive), b = spawn_settled(arrive);
      CHECK(passed == 0);
      CHECK(barrier.wait().is_leader());
      a.join();
      b.join();
      CHECK(leaders == 0);
      CHECK(passed == 2);
    }
  });
}

TEST_CASE("a barrier for none or one keeps nobody, and its wait is a suspension point") {
  Checked house;
  house.rt.block_on([] {
    for (const std::size_t n : {0, 1}) {
      sync::Barrier barrier(n);
      CHECK(barrier.wait().is_leader());
      CHECK(barrier.wait().is_leader());
      CHECK(is_suspension_point([&] { barrier.wait(); }));
    }
  });
}

TEST_CASE("one who is aborted at a barrier has not arrived") {
  Checked house;
  house.rt.block_on([] {
    sync::Barrier barrier(2);
    auto aborted = spawn_settled([&] { barrier.wait(); });
    aborted.abort();
    CHECK(was_cancelled(aborted));
    auto first = spawn_settled([&] { CHECK_FALSE(barrier.wait().is_leader()); });
    CHECK_FALSE(first.is_finished());
    CHECK(barrier.wait().is_leader());
    first.join();
  });
}

TEST_CASE("a barrier across two runtimes and plain threads has one leader a round") {
  constexpr int kRounds = 200;
  Checked house;
  sync::Barrier barrier(4);
  std::atomic<int> leaders{0};
  const auto arrive = [&] {
    for (int i = 0; i < kRounds; ++i) leaders += barrier.wait().is_leader();
  };
  OtherRuntime other([&] { runtime::spawn_local(arrive).join(); });
  Thread plain(arrive), another(arrive);
  house.rt.block_on(arrive);
  other.join();
  plain.join();
  another.join();
  CHECK(leaders == kRounds);
}
