// Builder::unhandled_exception(): what the runtime does about exceptions that nobody receives. (terminate is shown in
// tests/death.)

#include <atomic>
#include <stdexcept>
#include <thread>

#include "support.hpp"

using namespace api_test;
using runtime::TaskBuilder;
using runtime::UnhandledException;

namespace {

[[noreturn]] void fail() { throw std::runtime_error("the milk is sour"); }

Builder that(UnhandledException policy) { return Builder().unhandled_exception(policy); }
Builder fragile() { return that(UnhandledException::shutdown_runtime); }

/// The sentence of the Error shut_down that f throws; empty if it throws none.
template <class F>
std::string stopped_by(F f) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(error.code() == Errc::shut_down);
    return error.what();
  }
  return "";
}

void check_names_it(const std::string& sentence) {
  CAPTURE(sentence);
  CHECK(sentence.find("dairy") != std::string::npos);
  CHECK(sentence.find("the milk is sour") != std::string::npos);
  CHECK(sentence.find(__FILE__) != std::string::npos);
}

void spawn_failing() { TaskBuilder().name("dairy").spawn_local(fail); }

}  // namespace

TEST_CASE("a policy that does not exist is refused") {
  CHECK(code_of([] { that(static_cast<UnhandledException>(4)); }) == Errc::invalid_argument);
}

TEST_CASE("ignore says nothing and goes on") {
  const Limits limits;
  const CapturedStderr captured;
  LocalRuntime rt = that(UnhandledException::ignore).build_local();
  CHECK(rt.block_on([] {
    spawn_failing();
    settle();
    return runtime::spawn_local([] { return 3; }).join();
  }) == 3);
  auto kept = rt.spawn_local(fail);
  rt.block_on([] { settle(); });
  rt.shutdown_timeout(10s);
  CHECK(captured.text().empty());
}

TEST_CASE("report is the default, and goes on") {
  for (const bool is_default : {true, false}) {
    const Limits limits;
    const CapturedStderr captured;
    LocalRuntime rt = (is_default ? Builder() : that(UnhandledException::report)).build_local();
    rt.block_on([] {
      spawn_failing();
      settle();
    });
    check_names_it(captured.text());
    CHECK(rt.block_on([] { return 4; }) == 4);
  }
}

TEST_CASE("shutdown_runtime: block_on throws, naming the task, and the runtime is gone") {
  const CapturedStderr captured;
  Checked house(fragile());
  bool went_on = false, unwound = false;
  check_names_it(stopped_by([&] {
    house.rt.block_on([&] {
      static_cast<void>(runtime::spawn_local([&] {
        const AtExit at_exit([&] { unwound = true; });
        wait_for_ever();
      }));
      spawn_failing();
      wait_for_ever();
      went_on = true;
    });
  }));
  CHECK_FALSE(went_on);
  CHECK(unwound);
  CHECK(house.rt.handle().is_shut_down());
  check_names_it(stopped_by([&] { house.rt.block_on([] {}); }));
  CHECK_FALSE(stopped_by([&] { house.rt.spawn_local([] {}); }).empty());
  CHECK_FALSE(stopped_by([&] { house.rt.shutdown_background(); }).empty());
  CHECK(captured.text().empty());  // the Error has told it
}

TEST_CASE("shutdown_runtime: no other task goes on between the failure and the root's end") {
  Checked house(fragile());
  int turns = 0, at_failure = -1;
  CHECK_FALSE(stopped_by([&] {
    house.rt.block_on([&] {
      for (int i = 0; i < 3; ++i) {
        static_cast<void>(runtime::spawn_local([&] {
          for (;;) {
            ++turns;
            runtime::yield_now();
          }
        }));
      }
      settle();
      static_cast<void>(runtime::spawn_local([&] {
        at_failure = turns;
        fail();
      }));
      const AtExit at_exit([&] { CHECK(turns == at_failure); });
      wait_for_ever();
    });
  }).empty());
  CHECK(at_failure > 0);
}

TEST_CASE("shutdown_runtime: whatever the root waits for, and whatever it returns") {
  const auto check_stops = [](auto root) {
    Checked house(fragile());
    check_names_it(stopped_by([&] { static_cast<void>(house.rt.block_on(root)); }));
  };
  static int number = 5;
  check_stops([] {
    spawn_failing();
    settle();
  });
  check_stops([] {
    spawn_failing();
    runtime::spawn_local([] { wait_for_ever(); }).join();
    return std::string("a value");
  });
  check_stops([]() -> int& {
    TaskBuilder().name("dairy").spawn_local(fail).wait();  // the handle goes in the root itself, which waits no more
    return number;
  });
  check_stops([] {
    spawn_failing();
    return runtime::spawn_blocking([] {
      std::this_thread::sleep_for(20ms);
      return 1;
    }).join();
  });
}

TEST_CASE("shutdown_runtime: a root that swallows its cancellation is stopped all the same, one that throws throws that") {
  Checked house(fragile());
  check_names_it(stopped_by([&] {
    house.rt.block_on([] {
      spawn_failing();
      try {
        wait_for_ever();
      } catch (...) {
      }
      return 7;
    });
  }));
  Checked other(fragile());
  CHECK_THROWS_AS(other.rt.block_on([] {
    spawn_failing();
    try {
      wait_for_ever();
    } catch (const Cancelled&) {
      throw std::logic_error("of its own");
    }
  }),
                  std::logic_error);
  check_names_it(stopped_by([&] { other.rt.block_on([] {}); }));
  CHECK(other.rt.handle().is_shut_down());
}

TEST_CASE("shutdown_runtime: an exception on a pool thread, or a handle that goes on another thread") {
  Checked house(fragile());
  check_names_it(stopped_by([&] {
    house.rt.block_on([] {
      static_cast<void>(TaskBuilder().name("dairy").spawn_blocking(fail));
      wait_for_ever();
    });
  }));
  Checked other(fragile());
  std::thread thread;
  check_names_it(stopped_by([&] {
    other.rt.block_on([&] {
      auto task = TaskBuilder().name("dairy").spawn_local(fail);
      task.wait();
      thread = std::thread([task = std::move(task)]() mutable { const auto gone = std::move(task); });
      wait_for_ever();
    });
  }));
  thread.join();
}

TEST_CASE("shutdown_runtime: what happens outside block_on stops the next one; what nobody could be told is reported") {
  {
    Checked house(fragile());
    std::optional<JoinHandle<void>> failed;
    house.rt.block_on([&] {
      failed = TaskBuilder().name("dairy").spawn_local(fail);
      failed->wait();
    });
    failed.reset();
    bool ran = false;
    check_names_it(stopped_by([&] { house.rt.block_on([&] { ran = true; }); }));
    CHECK_FALSE(ran);
  }
  const CapturedStderr captured;
  {
    Checked house(fragile());
    std::optional<JoinHandle<void>> failed;
    house.rt.block_on([&] {
      failed = TaskBuilder().name("dairy").spawn_local(fail);
      failed->wait();
    });
    failed.reset();
  }
  check_names_it(captured.text());
}

TEST_CASE("shutdown_runtime: joining outside block_on is stopped, too") {
  Checked house(fragile());
  auto waits = house.rt.spawn_local([] { wait_for_ever(); });
  {
    const auto guard = house.rt.enter();
    spawn_failing();
  }
  check_names_it(stopped_by([&] { waits.join(); }));
}

TEST_CASE("shutdown_runtime: the first exception is the cause, later ones are reported") {
  const CapturedStderr captured;
  Checked house(fragile());
  check_names_it(stopped_by([&] {
    house.rt.block_on([] {
      static_cast<void>(runtime::spawn_local([] {
        try {
          wait_for_ever();
        } catch (const Cancelled&) {
          throw std::runtime_error("the bread is stale");
        }
      }));
      settle();
      spawn_failing();
      wait_for_ever();
    });
  }));
  CHECK(occurrences(captured.text(), "the bread is stale") == 1);
  CHECK(occurrences(captured.text(), "the milk is sour") == 0);
}

TEST_CASE("shutdown_runtime: what is received stops nothing") {
  Checked house(fragile());
  CHECK(house.rt.block_on([] {
    CHECK_THROWS_AS(runtime::spawn_local(fail).join(), std::runtime_error);
    CHECK_THROWS_AS(runtime::spawn_blocking(fail).join(), std::runtime_error);
    runtime::spawn_local([] { wait_for_ever(); }).abort();
    settle();
    return 6;
  }) == 6);
  CHECK_FALSE(house.rt.handle().is_shut_down());
}

TEST_CASE("shutdown_runtime: a runtime inside a task of another one stops, and the other goes on") {
  Checked house;
  CHECK(house.rt.block_on([] {
    return runtime::spawn_local([] {
      LocalRuntime inner = fragile().build_local();
      check_names_it(stopped_by([&] {
        inner.block_on([] {
          spawn_failing();
          wait_for_ever();
        });
      }));
      runtime::sleep_for(100us);
      return 8;
    }).join();
  }) == 8);
}
