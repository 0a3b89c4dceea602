// watch: the latest value, who has seen it, and looking at it without being in the way.

#include <memory>
#include <stdexcept>

#include "sync_support.hpp"

using namespace api_test;
namespace watch = sync::watch;

TEST_CASE("only the latest value counts, and the first counts as seen") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = watch::channel(std::string("one"));
    CHECK(rx.borrow() == "one");
    CHECK_FALSE(rx.has_changed());
    tx.send("two");
    tx.send("three");
    CHECK(tx.borrow() == "three");
    CHECK(rx.has_changed());
    CHECK(rx.borrow() == "three");
    CHECK(rx.has_changed());  // borrowing is not seeing
    CHECK(rx.borrow_and_update() == "three");
    CHECK_FALSE(rx.has_changed());
    tx.send("three");
    CHECK(rx.changed());  // sent is changed, whatever the value
    CHECK_FALSE(rx.has_changed());
    CHECK(rx.with([](const std::string& value) { return value.size(); }) == 5);
  });
}

TEST_CASE("a change wakes everybody who waits; copies have seen what the original has") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = watch::channel(0);
    const auto wait = [](watch::Receiver<int> rx) {
      return spawn_settled([rx = std::move(rx)]() mutable { return rx.changed() ? rx.borrow() : -1; });
    };
    auto a = wait(rx), b = wait(rx), c = wait(tx.subscribe());
    CHECK_FALSE(a.is_finished());
    tx.send(1);
    CHECK(a.join() + b.join() + c.join() == 3);
    auto behind = rx;
    CHECK(behind.changed());
    CHECK(rx.has_changed());
    rx = behind;
    CHECK_FALSE(rx.has_changed());
  });
}

TEST_CASE("the last value is seen after the sender has gone, and then changed() says that it has") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = watch::channel(0);
    auto task = spawn_settled([rx = rx]() mutable { return rx.changed(); });
    auto other = rx;
    tx.send(1);
    CHECK(task.join());
    task = spawn_settled([rx = rx]() mutable { return rx.changed() && !rx.changed(); });
    { auto gone = std::move(tx); }
    CHECK(task.join());
    CHECK(rx.has_changed());
    CHECK(rx.changed());
    CHECK_FALSE(rx.changed());
    CHECK(rx.borrow() == 1);
    CHECK(other.wait_for([](int value) { return value == 1; }) == 1);
    CHECK(other.wait_for([](int value) { return value == 2; }) == std::nullopt);
  });
}

TEST_CASE("a send without receivers is refused and changes nothing; send_replace does") {
  const Limits limits;
  auto [tx, rx] = watch::channel(1);
  CHECK_FALSE(tx.is_closed());
  { auto gone = std::move(rx); }
  CHECK(tx.is_closed());
  CHECK(code_of([&tx = tx] { tx.send(2); }) == Errc::closed);
  CHECK(tx.borrow() == 1);
  CHECK(tx.send_replace(3) == 1);
  CHECK(tx.borrow() == 3);
  auto again = tx.subscribe();
  CHECK_FALSE(again.has_changed());
  tx.send(4);
  CHECK(again.changed());
}

TEST_CASE("wait_for looks at the present value first, and then at each that comes") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = watch::channel(3);
    CHECK(rx.wait_for([](int value) { return value == 3; }) == 3);
    auto task = spawn_settled([rx = rx]() mutable { return rx.wait_for([](int value) { return value > 5; }); });
    tx.send(4);
    settle();
    CHECK_FALSE(task.is_finished());
    tx.send(6);
    CHECK(task.join() == 6);
    CHECK_THROWS_AS(rx.wait_for([](int) -> bool { throw std::runtime_error("asked too much"); }), std::runtime_error);
    CHECK(is_suspension_point([&rx = rx] { rx.wait_for([](int) { return true; }); }));
  });
}

TEST_CASE("who looks keeps the value he sees, and nobody waits for him") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = watch::channel(std::string("first"));
    auto looking = spawn_settled([rx = rx] {
      return rx.with([](const std::string& value) {
        runtime::sleep_for(1ms);
        return value;
      });
    });
    tx.send("second");
    CHECK(tx.send_replace("third") == "second");
    CHECK(rx.borrow() == "third");
    CHECK(looking.join() == "first");
    const auto counted = std::make_shared<int>();
    auto [tx2, rx2] = watch::channel(counted);
    CHECK(rx2.with([&, &tx2 = tx2](const std::shared_ptr<int>& value) {
      tx2.send(nullptr);  // from inside
      return value == counted;
    }));
    CHECK(counted.use_count() == 1);
  });
}

TEST_CASE("values that only move can be watched, too; send_replace waits for those who look") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = watch::channel(std::make_unique<int>(1));
    CHECK(rx.with([](const std::unique_ptr<int>& value) { return *value; }) == 1);
    CHECK(*tx.send_replace(std::make_unique<int>(2)) == 1);
    bool looks = true;
    auto looking = spawn_settled([&, rx = rx] {
      rx.with([&](const std::unique_ptr<int>& value) {
        runtime::sleep_for(1ms);
        CHECK(*value == 2);
        looks = false;
      });
    });
    CHECK(*tx.send_replace(std::make_unique<int>(3)) == 2);
    CHECK_FALSE(looks);
    looking.join();
  });
}

TEST_CASE("an abort leaves the change unseen") {
  Checked house;
  house.rt.block_on([] {
    auto [tx, rx] = watch::channel(0);
    auto task = spawn_settled([&rx = rx] { return rx.changed(); });
    tx.send(1);
    task.abort();
    CHECK(was_cancelled(task));
    CHECK(is_suspension_point([&rx = rx] { rx.changed(); }));
    CHECK(rx.changed());
  });
}

TEST_CASE("two runtimes and a plain thread see the values grow, and the last one") {
  static constexpr int kLast = 1000;
  Checked house;
  auto [tx, rx] = watch::channel(std::string(1, 'a'));
  const auto follow = [](watch::Receiver<std::string> rx) {
    std::size_t seen = 1;
    bool grows = true;
    while (rx.changed()) {
      const std::size_t now = rx.borrow_and_update().size();
      grows &= now > seen;
      seen = now;
    }
    CHECK(grows);
    CHECK(seen == kLast);
  };
  OtherRuntime other([&, rx = rx] { runtime::spawn_local([&] { follow(rx); }).join(); });
  Thread plain([&, rx = rx] { follow(rx); });
  house.rt.block_on([&, tx = std::move(tx), rx = std::move(rx)]() mutable {
    auto task = runtime::spawn_local([&follow, rx = std::move(rx)] { follow(rx); });
    for (int i = 2; i <= kLast; ++i) {
      tx.send(std::string(static_cast<std::size_t>(i), 'a'));
      if (i % 10 == 0) runtime::yield_now();
    }
    { auto gone = std::move(tx); }
    task.join();
  });
  other.join();
  plain.join();
}
