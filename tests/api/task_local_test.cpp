// TaskLocal: a value for the length of one call.

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "support.hpp"

using namespace api_test;
using runtime::TaskLocal;

namespace {
TaskLocal<int> number;
TaskLocal<std::string> text;
}  // namespace

TEST_CASE("a value is there inside its scope and nowhere else; scopes nest and give back what they hid") {
  const auto check = [] {
    CHECK(code_of([] { number.get(); }) == Errc::not_set);
    CHECK(code_of([] { number.with([](int&) {}); }) == Errc::not_set);
    CHECK_FALSE(number.try_get());
    const int result = number.scope(1, [] {
      CHECK(number.get() == 1);
      CHECK_FALSE(text.try_get());
      text.scope("outer", [] {
        number.scope(2, [] {
          CHECK(number.get() == 2);
          CHECK(text.get() == "outer");
        });
        CHECK(number.get() == 1);
      });
      number.get() = 3;
      CHECK(number.with([](int& value) { return ++value; }) == 4);
      CHECK(number.try_get() == 4);
      return 9;
    });
    CHECK(result == 9);
    CHECK_FALSE(number.try_get());
  };
  Checked house;
  check();
  std::thread(check).join();
  house.rt.block_on([&] {
    check();
    runtime::spawn_local(check).join();
    runtime::spawn_blocking(check).join();
    runtime::offload(check);
  });
}

TEST_CASE("each task sees its own, across its waits, and a spawned one inherits nothing") {
  Checked house;
  house.rt.block_on([] {
    const auto task = [](int own) {
      return runtime::spawn_local([own] {
        number.scope(own, [own] {
          for (int i = 0; i < 3; ++i) {
            runtime::yield_now();
            CHECK(number.get() == own);
            number.get() = own;
          }
          CHECK_FALSE(runtime::spawn_local([] { return number.try_get(); }).join());
          CHECK_FALSE(runtime::spawn_blocking([] { return number.try_get(); }).join());
          runtime::scope([](runtime::Scope& s) { CHECK_FALSE(s.spawn([] { return number.try_get(); }).join()); });
        });
      });
    };
    auto a = task(1), b = task(2);
    a.join();
    b.join();
  });
}

TEST_CASE("the root sees what is bound around block_on, and what it binds is gone with it") {
  Checked house;
  number.scope(1, [&] {
    house.rt.block_on([] {
      CHECK(number.get() == 1);
      number.get() = 2;
      runtime::yield_now();
      number.scope(5, [] { CHECK(runtime::run([] { return number.get(); }) == 5); });  // and a root inside a fiber
      CHECK_FALSE(runtime::spawn_local([] { return number.try_get(); }).join());
    });
    CHECK(number.get() == 2);
  });
  house.rt.block_on([] { CHECK_FALSE(number.try_get()); });
  CHECK_THROWS_AS(house.rt.block_on([] { text.scope("lost", [] { throw std::runtime_error("out"); }); }),
                  std::runtime_error);
  house.rt.block_on([] { CHECK_FALSE(text.try_get()); });
}

TEST_CASE("a value is there for the destructors of an unwinding, whatever it comes from") {
  Checked house;
  house.rt.block_on([] {
    int seen = 0;
    const auto body = [&] {
      number.scope(7, [&] {
        const AtExit at_exit([&] {
          runtime::yield_now();
          seen += number.get();
        });
        wait_for_ever();
      });
    };
    auto task = runtime::spawn_local(body);
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK_THROWS_AS(runtime::timeout(1ms, body), runtime::Elapsed);
    CHECK(seen == 14);
    CHECK_FALSE(number.try_get());
  });
}

TEST_CASE("the value is destroyed after the call, however it ends; values that cannot be copied; references and members") {
  struct Pair {
    std::unique_ptr<int> first;
    int second;
    int sum() const { return *first + second; }
  };
  static TaskLocal<Pair> pair;
  static TaskLocal<std::shared_ptr<int>> shared;
  const auto watched = std::make_shared<int>(1);
  CHECK_THROWS_AS(shared.scope(watched,
                               [&] {
                                 CHECK(watched.use_count() == 2);
                                 throw std::runtime_error("out");
                               }),
                  std::runtime_error);
  CHECK(watched.use_count() == 1);
  pair.scope(Pair{std::make_unique<int>(2), 3}, [] {
    CHECK(pair.with(&Pair::sum) == 5);
    CHECK(pair.with(&Pair::second) == 3);
    int& second = pair.with([](Pair& value) -> int& { return value.second; });
    second = 4;
    CHECK(pair.get().second == 4);
  });
}
