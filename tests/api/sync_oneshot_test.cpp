// oneshot: one value, and every way in which it does not come.

#include <memory>
#include <stdexcept>

#include "sync_support.hpp"

using namespace api_test;
namespace oneshot = sync::oneshot;

TEST_CASE("a value is received once, whether it comes before or after the wait begins") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = oneshot::channel<std::unique_ptr<int>>();
    CHECK_FALSE(rx.try_recv());
    tx.send(std::make_unique<int>(4));
    auto value = rx.recv();
    REQUIRE(value);
    CHECK(**value == 4);
    CHECK_FALSE(rx.try_recv());
    CHECK(code_of([&rx = rx] { rx.recv(); }) == Errc::invalid_argument);
    CHECK(code_of([&tx = tx] { tx.send(nullptr); }) == Errc::invalid_argument);

    auto [later_tx, later_rx] = oneshot::channel<int>();
    auto task = spawn_settled([rx = std::move(later_rx)]() mutable { return rx.recv(); });
    CHECK_FALSE(task.is_finished());
    later_tx.send(5);
    CHECK(task.join() == 5);
  });
}

TEST_CASE("a sender that goes without sending gives nullopt, now and later") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = oneshot::channel<int>();
    auto task = spawn_settled([&rx = rx] { return rx.recv(); });
    { auto gone = std::move(tx); }
    CHECK(task.join() == std::nullopt);
    CHECK(rx.recv() == std::nullopt);
    CHECK(rx.try_recv() == std::nullopt);
    CHECK(rx.recv_for(1h) == std::nullopt);
  });
}

TEST_CASE("a receiver that closes or goes refuses the value, which stays as it was") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = oneshot::channel<std::unique_ptr<int>>();
    CHECK_FALSE(tx.is_closed());
    auto waiter = spawn_settled([&tx = tx] { tx.closed(); });
    CHECK_FALSE(waiter.is_finished());
    { auto gone = std::move(rx); }
    waiter.join();
    CHECK(tx.is_closed());
    tx.closed();
    auto value = std::make_unique<int>(1);
    CHECK(code_of([&, &tx = tx] { tx.send(std::move(value)); }) == Errc::closed);
    CHECK(value != nullptr);
    CHECK(code_of([&tx = tx] { static_cast<void>(tx.is_closed()); }) == Errc::invalid_argument);  // used up

    auto [tx2, rx2] = oneshot::channel<int>();
    rx2.close();
    CHECK(rx2.recv() == std::nullopt);
    CHECK(code_of([&tx2 = tx2] { tx2.send(1); }) == Errc::closed);

    auto [tx3, rx3] = oneshot::channel<int>();
    tx3.send(3);
    rx3.close();
    CHECK(rx3.recv() == 3);  // it was sent before
  });
}

TEST_CASE("closing ends a wait in the same receiver, and two cannot wait in one") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = oneshot::channel<int>();
    auto task = spawn_settled([&rx = rx] { return rx.recv(); });
    CHECK(code_of([&rx = rx] { rx.recv(); }) == Errc::invalid_argument);
    rx.close();
    CHECK(task.join() == std::nullopt);
  });
}

TEST_CASE("a value nobody receives is destroyed with the receiver, or with the channel") {
  const Limits limits;
  const auto counted = std::make_shared<int>();
  {
    auto [tx, rx] = oneshot::channel<std::shared_ptr<int>>();
    tx.send(counted);
    CHECK(counted.use_count() == 2);
    { auto gone = std::move(rx); }
    CHECK(counted.use_count() == 1);
    auto [tx2, rx2] = oneshot::channel<std::shared_ptr<int>>();
    tx2.send(counted);
    CHECK(rx2.recv() == counted);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("an abort wins over a value that has come, which stays for the next call") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = oneshot::channel<int>();
    auto task = spawn_settled([&rx = rx] { return rx.recv(); });
    tx.send(6);
    task.abort();
    CHECK(was_cancelled(task));
    CHECK(is_suspension_point([&rx = rx] { rx.recv(); }));
    CHECK(rx.recv() == 6);

    auto [tx2, rx2] = oneshot::channel<int>();
    auto closing = spawn_settled([&tx2 = tx2] { tx2.closed(); });
    closing.abort();
    CHECK(was_cancelled(closing));
  });
}

TEST_CASE("a limit ends the wait, and the value can still be had") {
  const auto timed = [] {
    auto [tx, rx] = oneshot::channel<int>();
    CHECK(rx.recv_for(1ms) == std::nullopt);
    CHECK(code_of([&rx = rx] { rx.recv_for(-1ms); }) == Errc::invalid_argument);
    Thread sender([tx = std::move(tx)]() mutable { tx.send(7); });
    CHECK(rx.recv_for(1h) == 7);
  };
  Checked house;
  timed();
  house.rt.block_on([&] { runtime::spawn_local(timed).join(); });
}

namespace {

struct Fragile {
  explicit Fragile(bool breaks) : breaks(breaks) {}
  Fragile(Fragile&& other) : breaks(other.breaks) {
    if (breaks) throw std::runtime_error("cannot be moved");
  }
  bool breaks;
};

}  // namespace

TEST_CASE("a value whose move throws was not sent: the receiver is told that nothing comes") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = oneshot::channel<Fragile>();
    auto task = spawn_settled([rx = std::move(rx)]() mutable { return rx.recv().has_value(); });
    CHECK_THROWS_AS(tx.send(Fragile(true)), std::runtime_error);
    CHECK_FALSE(task.join());
  });
}

TEST_CASE("answers cross between runtimes and plain threads") {
  Checked house;
  for (int round = 0; round < 100; ++round) {
    auto [tx, rx] = oneshot::channel<std::string>();
    auto [back_tx, back_rx] = oneshot::channel<std::string>();
    OtherRuntime other([rx = std::move(rx), tx = std::move(back_tx)]() mutable { tx.send(*rx.recv() + " back"); });
    Thread plain([tx = std::move(tx)]() mutable { tx.send("there and"); });
    house.rt.block_on([&rx = back_rx] { CHECK(rx.recv() == "there and back"); });
  }
}
