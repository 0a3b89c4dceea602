// mpsc: order, back pressure, permits, closing, cancellation.

#include <memory>
#include <stdexcept>

#include "sync_support.hpp"

using namespace api_test;
namespace mpsc = sync::mpsc;

namespace {

struct Fragile {
  explicit Fragile(bool breaks) : breaks(breaks) {}
  Fragile(Fragile&& other) : breaks(other.breaks) {
    if (breaks) throw std::runtime_error("cannot be moved");
  }
  bool breaks;
};

struct alignas(64) Wide {
  int number;
  char rest[200] = {};
};

}  // namespace

TEST_CASE("values come out in the order they went in, whatever their type") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<int>(4);
    for (int i = 0; i < 4; ++i) tx.send(i);
    for (int i = 0; i < 4; ++i) CHECK(rx.recv() == i);

    auto [text_tx, text_rx] = mpsc::unbounded_channel<std::string>();
    const std::string kept = "a long enough text that it lies on the heap";
    text_tx.send(kept);
    text_tx.send("short");
    CHECK(text_rx.recv() == kept);
    CHECK(text_rx.recv() == "short");

    auto [owner_tx, owner_rx] = mpsc::channel<std::unique_ptr<int>>(1);
    owner_tx.send(std::make_unique<int>(3));
    CHECK(**owner_rx.recv() == 3);

    auto [wide_tx, wide_rx] = mpsc::channel<Wide>(2);
    wide_tx.send(Wide{5});
    CHECK(wide_rx.recv()->number == 5);
  });
}

TEST_CASE("a capacity of 0 is refused, and one beyond all bounds") {
  CHECK(code_of([] { mpsc::channel<int>(0); }) == Errc::invalid_argument);
  CHECK(code_of([] { mpsc::channel<int>(SIZE_MAX); }) == Errc::invalid_argument);
}

TEST_CASE("a full channel keeps senders waiting, first come, first served, and nobody overtakes them") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<char>(1);
    tx.send('0');
    CHECK(tx.capacity() == 0);
    CHECK(tx.max_capacity() == 1);
    CHECK_FALSE(tx.try_send('x'));
    std::vector<JoinHandle<void>> tasks;
    for (const char name : {'a', 'b', 'c'}) {
      tasks.push_back(spawn_settled([tx = tx, name] { tx.send(name); }));
    }
    std::string order;
    for (int i = 0; i < 4; ++i) {
      CHECK_FALSE(tx.try_send('x'));  // the free place belongs to the next who waits
      order += *rx.recv();
      CHECK_FALSE((i < 3 && tx.try_send('x')));
      settle();
    }
    CHECK(order == "0abc");
    for (auto& task : tasks) task.join();
    CHECK(tx.capacity() == 1);
  });
}

TEST_CASE("a refused try_send leaves the value as it was") {
  const Limits limits;
  auto [tx, rx] = mpsc::channel<std::unique_ptr<int>>(1);
  CHECK(tx.try_send(std::make_unique<int>(1)));
  auto value = std::make_unique<int>(2);
  CHECK_FALSE(tx.try_send(std::move(value)));
  CHECK(value != nullptr);
  rx.close();
  CHECK(code_of([&, &tx = tx] { tx.try_send(std::move(value)); }) == Errc::closed);
  CHECK(code_of([&, &tx = tx] { tx.send(std::move(value)); }) == Errc::closed);
  CHECK(value != nullptr);
}

TEST_CASE("when all senders have gone the receiver gets what is there, and then nullopt") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<int>(4);
    {
      auto last = std::move(tx);
      const auto copy = last;
      copy.send(1);
      last.send(2);
      CHECK_FALSE(rx.is_closed());
    }
    CHECK(rx.is_closed());
    CHECK(rx.len() == 2);
    CHECK(rx.recv() == 1);
    CHECK(rx.try_recv() == 2);
    CHECK(rx.is_empty());
    CHECK(rx.recv() == std::nullopt);
    CHECK(rx.recv() == std::nullopt);
    CHECK(rx.try_recv() == std::nullopt);

    auto [tx2, rx2] = mpsc::unbounded_channel<int>();
    auto task = spawn_settled([&rx2 = rx2] { return rx2.recv(); });
    auto copy = tx2;
    { auto gone = std::move(tx2); }
    settle();
    CHECK_FALSE(task.is_finished());
    { auto gone = std::move(copy); }
    CHECK(task.join() == std::nullopt);
  });
}

TEST_CASE("closing refuses senders, those who wait included, and what is there can be received") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<int>(1);
    tx.send(1);
    auto waiting = spawn_settled([tx = tx] { CHECK(code_of([&] { tx.send(2); }) == Errc::closed); });
    auto watching = spawn_settled([tx = tx] { tx.closed(); });
    auto reserving = spawn_settled([tx = tx] { CHECK(code_of([&] { tx.reserve(); }) == Errc::closed); });
    CHECK_FALSE(tx.is_closed());
    rx.close();
    CHECK(tx.is_closed());
    CHECK(rx.is_closed());
    waiting.join();
    watching.join();
    reserving.join();
    CHECK(rx.recv() == 1);
    CHECK(rx.recv() == std::nullopt);
    tx.closed();

    auto [tx2, rx2] = mpsc::unbounded_channel<int>();
    tx2.send(1);
    { auto gone = std::move(rx2); }
    CHECK(tx2.is_closed());
    CHECK(code_of([&tx2 = tx2] { tx2.send(2); }) == Errc::closed);
  });
}

TEST_CASE("a receiver that goes destroys what was queued at once") {
  const Limits limits;
  const auto counted = std::make_shared<int>();
  auto [tx, rx] = mpsc::channel<std::shared_ptr<int>>(4);
  tx.send(counted);
  tx.send(counted);
  auto [tx2, rx2] = mpsc::unbounded_channel<std::shared_ptr<int>>();
  for (int i = 0; i < 3; ++i) tx2.send(counted);
  static_cast<void>(rx2.recv());
  CHECK(counted.use_count() == 5);
  { auto gone = std::move(rx); }
  { auto gone = std::move(rx2); }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("a permit keeps its place, returns it unused, and is for one value") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<int>(2);
    {
      auto permit = tx.reserve();
      CHECK(tx.capacity() == 1);
      auto other = tx.reserve();
      CHECK_FALSE(tx.try_send(9));
      auto waiting = spawn_settled([tx = tx] { tx.send(3); });
      other = std::move(permit);  // gives one back
      waiting.join();
      other.send(1);
      CHECK(code_of([&] { other.send(2); }) == Errc::invalid_argument);
    }
    CHECK(rx.recv() == 3);
    CHECK(rx.recv() == 1);
    CHECK(tx.capacity() == 2);
  });
}

TEST_CASE("a closed channel waits for the permits that are out, used or not") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<int>(3);
    std::optional used(tx.reserve()), unused(tx.reserve());
    rx.close();
    auto task = spawn_settled([&rx = rx] { return rx.recv(); });
    used->send(7);
    CHECK(task.join() == 7);
    task = spawn_settled([&rx = rx] { return rx.recv(); });
    CHECK_FALSE(task.is_finished());
    unused.reset();
    CHECK(task.join() == std::nullopt);

    auto [tx2, rx2] = mpsc::channel<std::shared_ptr<int>>(1);
    const auto counted = std::make_shared<int>();
    std::optional late(tx2.reserve());
    { auto gone = std::move(tx2); }
    auto waiting = spawn_settled([&rx2 = rx2] { return rx2.recv() == nullptr; });
    CHECK_FALSE(waiting.is_finished());
    waiting.abort();
    CHECK(was_cancelled(waiting));
    { auto gone = std::move(rx2); }
    late->send(counted);  // nobody is there: the value goes
    CHECK(counted.use_count() == 1);
  });
}

TEST_CASE("a sender that is aborted has not sent, and its place goes to the next") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<char>(1);
    tx.send('0');
    auto a = spawn_settled([tx = tx] { tx.send('a'); });
    auto b = spawn_settled([tx = tx] { tx.send('b'); });
    CHECK(rx.recv() == '0');  // the place is a's
    a.abort();
    CHECK(was_cancelled(a));
    b.join();
    CHECK(rx.recv() == 'b');
    CHECK(tx.capacity() == 1);
    CHECK(is_suspension_point([tx = tx] { tx.send('x'); }));
    CHECK(is_suspension_point([tx = tx] { tx.reserve(); }));
    CHECK_FALSE(is_suspension_point([tx = tx] { static_cast<void>(tx.try_send('y')); }));
    CHECK(rx.recv() == 'y');
    CHECK(tx.capacity() == 1);
  });
}

TEST_CASE("an abort wins over a value that has come, which stays first in the channel") {
  Checked house;
  house.rt.block_on([] {
    const auto in = [](auto tx, auto rx) {
      auto task = spawn_settled([&] { return rx.recv(); });
      tx.send(1);
      tx.send(2);
      task.abort();
      CHECK(was_cancelled(task));
      CHECK(is_suspension_point([&] { rx.recv(); }));
      CHECK(rx.recv() == 1);
      CHECK(rx.recv() == 2);
    };
    auto [tx, rx] = mpsc::channel<int>(2);
    in(std::move(tx), std::move(rx));
    auto [tx2, rx2] = mpsc::unbounded_channel<int>();
    in(std::move(tx2), std::move(rx2));
  });
}

TEST_CASE("a receiver that waits has no value before it runs: the channel is full, and whoever takes its place gets it") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<int>(1);
    auto first = spawn_settled([&rx = rx] { return rx.recv(); });
    CHECK(tx.try_send(7));
    CHECK_FALSE(tx.try_send(8));
    CHECK(rx.len() == 1);
    first.abort();
    auto second = runtime::spawn_local([&rx = rx] { return rx.recv(); });
    CHECK(second.join() == 7);
    CHECK(was_cancelled(first));
    CHECK(tx.capacity() == 1);
    auto last = spawn_settled([&rx = rx] { return rx.recv(); });
    CHECK(tx.try_send(9));
    { auto gone = std::move(tx); }
    last.abort();
    CHECK(was_cancelled(last));
    CHECK(rx.recv() == 9);
    CHECK_FALSE(rx.recv().has_value());
  });
}

TEST_CASE("unbounded sending never waits, so it is no suspension point") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::unbounded_channel<int>();
    CHECK_FALSE(is_suspension_point([tx = tx] {
      for (int i = 0; i < 1000; ++i) tx.send(i);
    }));
    CHECK(rx.len() == 1000);
    for (int i = 0; i < 1000; ++i) CHECK(rx.recv() == i);
    CHECK(rx.is_empty());
  });
}

TEST_CASE("a limit ends the wait of the receiver and loses nothing") {
  const auto timed = [] {
    auto [tx, rx] = mpsc::channel<int>(1);
    CHECK(rx.recv_for(1ms) == std::nullopt);
    CHECK_FALSE(rx.is_closed());
    CHECK(code_of([&rx = rx] { rx.recv_for(-1ms); }) == Errc::invalid_argument);
    Thread sender([tx = tx] { tx.send(7); });
    CHECK(rx.recv_for(1h) == 7);
    sender.join();
    { auto gone = std::move(tx); }
    CHECK(rx.recv_for(1h) == std::nullopt);
  };
  Checked house;
  timed();
  house.rt.block_on([&] { runtime::spawn_local(timed).join(); });
}

TEST_CASE("a value whose move throws was not sent, and its place is free again") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<Fragile>(1);
    CHECK_THROWS_AS(tx.send(Fragile(true)), std::runtime_error);
    CHECK(tx.capacity() == 1);
    auto permit = tx.reserve();
    CHECK_THROWS_AS(permit.send(Fragile(true)), std::runtime_error);
    CHECK(tx.capacity() == 1);
    tx.send(Fragile(false));
    CHECK_FALSE(rx.recv()->breaks);
  });
}

TEST_CASE("two cannot wait in one receiver, and ends that were moved from say so") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = mpsc::channel<int>(1);
    auto task = spawn_settled([&rx = rx] { return rx.recv(); });
    CHECK(code_of([&rx = rx] { rx.recv(); }) == Errc::invalid_argument);
    tx.send(1);
    CHECK(task.join() == 1);
    auto moved_tx = std::move(tx);
    auto moved_rx = std::move(rx);
    CHECK(code_of([&tx = tx] { tx.send(1); }) == Errc::invalid_argument);
    CHECK(code_of([&rx = rx] { rx.recv(); }) == Errc::invalid_argument);
    tx = moved_tx;
    rx = std::move(moved_rx);
    tx.send(2);
    CHECK(rx.recv() == 2);
  });
}

TEST_CASE("a value's destructor may wait, also for the channel that destroys it") {
  Checked house;
  house.rt.block_on([] {
    int waited = 0;
    const auto linger = [&waited] {
      runtime::sleep_for(100us);
      ++waited;
    };
    using Slow = Farewell<decltype(linger)>;
    auto task = spawn_settled([&] {
      auto [tx, rx] = mpsc::channel<std::unique_ptr<Slow>>(2);
      tx.send(std::make_unique<Slow>(linger));
      tx.send(std::make_unique<Slow>(linger));
      wait_for_ever();
    });
    task.abort();
    CHECK(was_cancelled(task));
    CHECK(waited == 2);
  });
}

TEST_CASE("senders on two runtimes and plain threads: each one's values arrive in its own order") {
  constexpr int kEach = 1000, kSenders = 4;
  Checked house;
  const auto across = [&](auto tx, auto rx) {
    const auto send = [](auto tx, int sender) {
      for (int i = 0; i < kEach; ++i) tx.send(std::pair(sender, i));
    };
    OtherRuntime other([&, tx = tx]() mutable {
      auto task = runtime::spawn_local([&send, tx = tx] { send(tx, 0); });
      send(std::move(tx), 1);
      task.join();
    });
    Thread plain([&, tx = tx] { send(tx, 2); });
    house.rt.block_on([&] {
      auto task = runtime::spawn_local([&send, tx = std::move(tx)] { send(tx, 3); });
      int next[kSenders] = {};
      bool in_order = true;
      while (auto value = rx.recv()) in_order &= next[value->first]++ == value->second;
      CHECK(in_order);
      for (const int count : next) CHECK(count == kEach);
      task.join();
    });
  };
  auto [tx, rx] = mpsc::channel<std::pair<int, int>>(3);
  across(std::move(tx), std::move(rx));
  auto [tx2, rx2] = mpsc::unbounded_channel<std::pair<int, int>>();
  across(std::move(tx2), std::move(rx2));
}
