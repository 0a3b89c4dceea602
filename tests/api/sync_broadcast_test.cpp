// broadcast: everybody gets everything, or is told how much he has missed.

#include <memory>
#include <stdexcept>

#include "sync_support.hpp"

using namespace api_test;
namespace broadcast = sync::broadcast;

namespace {

/// What a receive throws as Lagged; 0 if it throws nothing.
template <class Receiver>
std::uint64_t lag_of(Receiver& rx) {
  try {
    static_cast<void>(rx.try_recv());
  } catch (const runtime::Lagged& lagged) {
    CHECK(lagged.code() == Errc::lagged);
    return lagged.missed();
  }
  return 0;
}

}  // namespace

TEST_CASE("every receiver gets every value from the moment it subscribed") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, first] = broadcast::channel<std::string>(16);
    CHECK(tx.send("one") == 1);
    auto second = tx.subscribe();
    CHECK(tx.receiver_count() == 2);
    CHECK(tx.send("two") == 2);
    CHECK(first.len() == 2);
    CHECK(first.recv() == "one");
    CHECK(first.recv() == "two");
    CHECK(first.is_empty());
    CHECK(first.try_recv() == std::nullopt);
    CHECK(second.recv() == "two");
    auto third = first.resubscribe();
    CHECK(third.try_recv() == std::nullopt);
    CHECK(tx.send("three") == 3);
    CHECK(third.recv() == "three");
  });
}

TEST_CASE("a send without receivers is refused, and works again after subscribe") {
  const Limits limits;
  auto [tx, rx] = broadcast::channel<int>(2);
  { auto gone = std::move(rx); }
  CHECK(tx.receiver_count() == 0);
  CHECK(code_of([&tx = tx] { tx.send(1); }) == Errc::closed);
  auto again = tx.subscribe();
  CHECK(tx.send(2) == 1);
  CHECK(again.recv() == 2);
  CHECK(code_of([] { broadcast::channel<int>(0); }) == Errc::invalid_argument);
  CHECK(code_of([] { broadcast::channel<int>(SIZE_MAX); }) == Errc::invalid_argument);
}

TEST_CASE("a slow receiver is told once how many it has missed, and goes on with the oldest there is") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = broadcast::channel<int>(2);
    auto fast = tx.subscribe();
    for (int i = 0; i < 5; ++i) {
      tx.send(i);
      CHECK(fast.recv() == i);
    }
    CHECK(rx.len() == 5);
    CHECK_THROWS_AS(rx.recv(), runtime::Lagged);
    CHECK(rx.recv() == 3);
    tx.send(5);
    tx.send(6);
    CHECK(lag_of(rx) == 1);
    CHECK(lag_of(rx) == 0);  // that took 5
    CHECK(rx.recv() == 6);
  });
}

TEST_CASE("the capacity is rounded up to a power of two") {
  const Limits limits;
  auto [tx, rx] = broadcast::channel<int>(3);
  for (int i = 0; i < 4; ++i) tx.send(i);
  CHECK(rx.recv() == 0);
  for (int i = 4; i < 10; ++i) tx.send(i);
  CHECK(lag_of(rx) == 5);
  CHECK(rx.recv() == 6);
}

TEST_CASE("when all senders have gone a receiver gets what is there, and then nullopt") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = broadcast::channel<int>(4);
    auto waiting = spawn_settled([rx = tx.subscribe()]() mutable {
      CHECK(rx.recv() == 1);
      return rx.recv();
    });
    {
      const auto last = std::move(tx);
      last.send(1);
      const auto copy = last;
      CHECK_FALSE(rx.is_closed());
    }
    CHECK(rx.is_closed());
    CHECK(waiting.join() == std::nullopt);
    CHECK(rx.recv() == 1);
    CHECK(rx.recv() == std::nullopt);
    CHECK(rx.try_recv() == std::nullopt);
  });
}

TEST_CASE("a value goes as soon as the last receiver has seen it, or gone, or been overtaken") {
  const Limits limits;
  const auto counted = std::make_shared<int>();
  auto [tx, first] = broadcast::channel<std::shared_ptr<int>>(2);
  auto second = tx.subscribe();
  tx.send(counted);
  CHECK(counted.use_count() == 2);
  CHECK(first.recv() == counted);
  CHECK(counted.use_count() == 2);
  CHECK(second.recv() == counted);
  CHECK(counted.use_count() == 1);
  tx.send(counted);
  static_cast<void>(first.recv());
  { auto gone = std::move(second); }
  CHECK(counted.use_count() == 1);
  for (int i = 0; i < 5; ++i) tx.send(counted);
  CHECK(counted.use_count() == 3);
  { auto gone = std::move(first); }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("an abort loses no value, and a limit none either") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = broadcast::channel<int>(4);
    auto task = spawn_settled([&rx = rx] { return rx.recv(); });
    tx.send(1);
    task.abort();
    CHECK(was_cancelled(task));
    CHECK(is_suspension_point([&rx = rx] { rx.recv(); }));
    CHECK(rx.recv() == 1);
    CHECK(rx.recv_for(1ms) == std::nullopt);
    CHECK(code_of([&rx = rx] { rx.recv_for(-1ms); }) == Errc::invalid_argument);
    auto timed = spawn_settled([&rx = rx] { return rx.recv_for(1h); });
    tx.send(2);
    CHECK(timed.join() == 2);
  });
}

TEST_CASE("a copy that throws or waits harms nobody: the value is copied outside every lock") {
  struct Odd {
    Odd(int number, bool breaks) : number(number), breaks(breaks) {}
    Odd(Odd&&) = default;
    Odd(const Odd& other) : number(other.number), breaks(other.breaks) {
      runtime::yield_now();
      if (breaks) throw std::runtime_error("cannot be copied");
    }
    int number;
    bool breaks;
  };
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = broadcast::channel<Odd>(1);
    tx.send(Odd(1, true));
    CHECK_THROWS_AS(rx.recv(), std::runtime_error);
    tx.send(Odd(2, false));
    auto slow = spawn_settled([rx = tx.subscribe()]() mutable { return rx.recv()->number; });
    CHECK(rx.recv()->number == 2);
    tx.send(Odd(3, false));
    runtime::yield_now();
    tx.send(Odd(4, false));  // displaces the value that is being copied
    CHECK(slow.join() == 3);
  });
}

TEST_CASE("two runtimes and a plain thread receive what plain threads send, each sender in order") {
  constexpr int kEach = 500;
  Checked house;
  auto [tx, rx] = broadcast::channel<std::pair<int, int>>(64);
  const auto receive = [](auto rx) {
    long got = 0, missed = 0;
    int last[2] = {-1, -1};
    bool in_order = true;
    for (;;) {
      try {
        const auto value = rx.recv();
        if (!value) break;
        in_order &= value->second > std::exchange(last[value->first], value->second);
        ++got;
      } catch (const runtime::Lagged& lagged) {
        missed += static_cast<long>(lagged.missed());
      }
    }
    CHECK(in_order);
    CHECK(got + missed == 2 * kEach);
  };
  OtherRuntime other([&receive, rx = tx.subscribe()]() mutable {
    auto extra = runtime::spawn_local([&receive, rx = std::move(rx)]() mutable { receive(std::move(rx)); });
    extra.join();
  });
  Thread plain([&receive, rx = tx.subscribe()]() mutable { receive(std::move(rx)); });
  const auto send = [](const auto& tx, int sender) {
    for (int i = 0; i < kEach; ++i) tx.send(std::pair(sender, i));
  };
  Thread sender([&send, tx = tx] { send(tx, 0); });
  house.rt.block_on([&, tx = std::move(tx), rx = std::move(rx)]() mutable {
    auto task = runtime::spawn_local([&receive, rx = std::move(rx)]() mutable { receive(std::move(rx)); });
    send(tx, 1);
    sender.join();
    { auto gone = std::move(tx); }
    task.join();
  });
  other.join();
  plain.join();
}
