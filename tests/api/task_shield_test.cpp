// shield(): what comes from outside is held back until the call returns; what is inside works as ever.

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "support.hpp"

using namespace api_test;
using runtime::shield;

TEST_CASE("an abort is held back until the shielded call has returned, and is met at the next wait") {
  Checked house;
  house.rt.block_on([] {
    std::string log;
    auto task = runtime::spawn_local([&] {
      const int value = shield([&] {
        runtime::sleep_for(200us);
        log += runtime::this_task::is_cancelled() ? "asked " : "not asked ";
        runtime::this_task::check_cancelled();
        runtime::yield_now();
        runtime::offload([] {});
        runtime::spawn_local([] {}).join();
        return 4;
      });
      log += std::to_string(value);
      runtime::sleep_for(1us);
      log += " went on";
    });
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(log == "asked 4");
  });
}

TEST_CASE("a task that was aborted before its shield waits inside it all the same") {
  Checked house;
  house.rt.block_on([] {
    bool waited = false;
    std::optional<runtime::AbortHandle> self;
    auto task = runtime::spawn_local([&] {
      self->abort();
      shield([&] {
        runtime::sleep_for(100us);
        waited = true;
      });
      runtime::yield_now();
    });
    self = task.abort_handle();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(waited);
  });
}

TEST_CASE("a shield holds back a timeout, a token and a scope around it, each of which then has its way") {
  Checked house;
  house.rt.block_on([] {
    int finished = 0;
    const auto body = [&] {
      shield([&] {
        runtime::sleep_for(3ms);
        ++finished;
      });
      wait_for_ever();
    };
    CHECK_THROWS_AS(runtime::timeout(1ms, body), runtime::Elapsed);
    const runtime::CancellationToken token;
    auto canceller = runtime::spawn_local([&] { token.cancel(); });
    CHECK_FALSE(token.run_until_cancelled(body));
    CHECK_THROWS_WITH(runtime::scope([&](runtime::Scope& s) {
                        s.spawn([] { throw std::runtime_error("sibling"); });
                        body();
                      }),
                      "sibling");
    CHECK(finished == 3);
  });
}

TEST_CASE("what is inside the shield can be cancelled: timeouts, scopes and tokens of its own, shields nest") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] {
      shield([] {
        CHECK_THROWS_AS(runtime::timeout(1ms, [] { wait_for_ever(); }), runtime::Elapsed);
        runtime::scope([](runtime::Scope& s) {
          s.spawn([] { wait_for_ever(); });
          s.cancel();
          runtime::yield_now();
        });
        CHECK_THROWS_AS(runtime::timeout(1ms,
                                         [] {
                                           shield([] { runtime::sleep_for(2ms); });
                                           wait_for_ever();
                                         }),
                        runtime::Elapsed);
        runtime::sleep_for(1us);
      });
      return 5;
    });
    settle();
    task.abort();
    CHECK(task.join() == 5);  // completion wins
  });
}

TEST_CASE("an exception leaves a shield, and takes it away") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] {
      try {
        shield([] {
          runtime::sleep_for(100us);
          throw std::runtime_error("out");
        });
      } catch (const std::runtime_error&) {
      }
      runtime::sleep_for(1us);
      return 1;
    });
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
  });
}

TEST_CASE("results of every kind; a plain thread and a pool thread just call the function") {
  const auto check = [] {
    int local = 2;
    CHECK(shield([] { return 1; }) == 1);
    CHECK(&shield([&]() -> int& { return local; }) == &local);
    CHECK(*shield([] { return std::make_unique<int>(3); }) == 3);
    shield([] {});
    CHECK_THROWS_AS(shield([] { throw std::runtime_error("thrown"); }), std::runtime_error);
  };
  Checked house;
  check();
  std::thread(check).join();
  house.rt.block_on([&] {
    check();
    runtime::spawn_local(check).join();
    runtime::spawn_blocking(check).join();
  });
}

TEST_CASE("a shielded task is waited for by a shutdown with time") {
  const Limits limits;
  bool finished = false;
  LocalRuntime rt;
  rt.block_on([&] {
    runtime::spawn_local([&] {
      shield([&] {
        runtime::sleep_for(2ms);
        finished = true;
      });
    });
    settle();
  });
  CHECK(rt.shutdown_timeout(1h).tasks_left_parked == 0);
  CHECK(finished);
}
