// scope(): children that borrow, errors that cancel the others, and a frame that nothing outlives.

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::Scope;

TEST_CASE("children borrow locals, run beside the body, and have ended when scope returns") {
  Checked house;
  house.rt.block_on([] {
    std::vector<std::string> log;
    const int result = runtime::scope([&](Scope& s) {
      for (int i = 0; i < 3; ++i) {
        s.spawn([&log, i] {
          runtime::yield_now();
          log.push_back("child " + std::to_string(i));
        });
      }
      log.push_back("body");
      return 7;
    });
    CHECK(result == 7);
    CHECK(log == std::vector<std::string>{"body", "child 0", "child 1", "child 2"});
  });
}

TEST_CASE("a child may spawn siblings, and they are waited for, too") {
  Checked house;
  house.rt.block_on([] {
    int ended = 0;
    runtime::scope([&](Scope& s) {
      s.spawn([&] {
        runtime::yield_now();
        s.spawn([&] {
          runtime::sleep_for(100us);
          s.spawn([&] { ++ended; });
          ++ended;
        });
        ++ended;
      });
    });
    CHECK(ended == 3);
  });
}

TEST_CASE("the first error cancels the other children and the body's waits, and comes out when all have ended") {
  Checked house;
  house.rt.block_on([] {
    std::string log;
    const auto failing = [&] {
      runtime::scope([&](Scope& s) {
        s.spawn([&] {
          const AtExit at_exit([&] {
            runtime::sleep_for(100us);  // the scope waits for this
            log += "sibling ";
          });
          wait_for_ever();
        });
        s.spawn([] {
          runtime::yield_now();
          throw std::runtime_error("first");
        });
        const AtExit at_exit([&] { log += "body "; });
        wait_for_ever();
      });
    };
    CHECK_THROWS_WITH_AS(failing(), "first", std::runtime_error);
    CHECK(log == "body sibling ");
    CHECK_FALSE(runtime::this_task::is_cancelled());
    runtime::sleep_for(1us);  // the caller itself was never cancelled
  });
}

TEST_CASE("the body's error cancels the children; errors that come after the first belong to their handles") {
  Checked house;
  house.rt.block_on([] {
    std::optional<JoinHandle<void>> second;
    const auto failing = [&] {
      runtime::scope([&](Scope& s) {
        second = s.spawn([] {
          try {
            wait_for_ever();
          } catch (const Cancelled&) {
            throw std::logic_error("second");
          }
        });
        runtime::yield_now();
        throw std::runtime_error("first");
      });
    };
    CHECK_THROWS_WITH_AS(failing(), "first", std::runtime_error);
    CHECK(second->is_finished());
    CHECK_THROWS_WITH_AS(second->join(), "second", std::logic_error);
  });
}

TEST_CASE("an error that is not the first and has no handle is reported; the first is not") {
  Checked house;
  CapturedStderr captured;
  house.rt.block_on([] {
    const auto fails = [](const char* words) {
      return [words] {
        try {
          wait_for_ever();
        } catch (const Cancelled&) {
          throw std::runtime_error(words);
        }
      };
    };
    try {
      runtime::scope([&](Scope& s) {
        s.spawn(fails("the late one"));
        s.spawn([] { throw std::runtime_error("the early one"); });
      });
    } catch (const std::runtime_error&) {
    }
  });
  CHECK(occurrences(captured.text(), "the late one") == 1);
  CHECK(occurrences(captured.text(), "the early one") == 0);
}

TEST_CASE("a child that is aborted is no error, and one's handle gives its result") {
  Checked house;
  house.rt.block_on([] {
    int result = 0;
    runtime::scope([&](Scope& s) {
      auto aborted = s.spawn([] { wait_for_ever(); });
      auto joined = s.spawn([] { return std::make_unique<int>(4); });
      runtime::yield_now();
      aborted.abort();
      CHECK_THROWS_AS(aborted.join(), JoinError);
      result = *joined.join();
    });
    CHECK(result == 4);
  });
}

TEST_CASE("when the caller is cancelled, the children are, and the caller goes on only when they have ended") {
  Checked house;
  house.rt.block_on([] {
    std::string log;
    auto caller = runtime::spawn_local([&] {
      const AtExit at_exit([&] { log += "caller"; });
      runtime::scope([&](Scope& s) {
        s.spawn([&] {
          const AtExit child_exit([&] {
            runtime::sleep_for(200us);
            log += "child ";
          });
          wait_for_ever();
        });
      });
      log += "went on";
    });
    settle();
    caller.abort();
    CHECK_THROWS_AS(caller.join(), JoinError);
    CHECK(log == "child caller");
  });
}

TEST_CASE("a caller that is cancelled inside the body ends the children, too") {
  Checked house;
  house.rt.block_on([] {
    bool child_unwound = false;
    auto caller = runtime::spawn_local([&] {
      runtime::scope([&](Scope& s) {
        s.spawn([&] {
          const AtExit at_exit([&] { child_unwound = true; });
          wait_for_ever();
        });
        wait_for_ever();
      });
    });
    settle();
    caller.abort();
    CHECK_THROWS_AS(caller.join(), JoinError);
    CHECK(child_unwound);
  });
}

TEST_CASE("Scope::cancel ends children and the body's waits; what is spawned afterwards is born cancelled") {
  Checked house;
  house.rt.block_on([] {
    int unwound = 0, born = 0;
    runtime::scope([&](Scope& s) {
      s.spawn([&] {
        const AtExit at_exit([&] { ++unwound; });
        wait_for_ever();
      });
      runtime::yield_now();
      s.cancel();
      CHECK(runtime::this_task::is_cancelled());
      s.spawn([&] { ++born; });
      CHECK_THROWS_AS(runtime::sleep_for(1us), Cancelled);
      runtime::sleep_for(1us);  // and again: this unwinds the body
      ++born;
    });
    CHECK(unwound == 1);
    CHECK(born == 0);
    CHECK_FALSE(runtime::this_task::is_cancelled());
    runtime::sleep_for(1us);
  });
}

TEST_CASE("a body that should have given a value and was unwound by Scope::cancel gives Errc::cancelled") {
  Checked house;
  house.rt.block_on([] {
    CHECK(code_of([] {
            runtime::scope([](Scope& s) {
              s.cancel();
              runtime::yield_now();
              return 1;
            });
          }) == Errc::cancelled);
    // One that comes to its end has its value: completion wins.
    CHECK(runtime::scope([](Scope& s) {
            s.cancel();
            return 2;
          }) == 2);
    // A child may end the scope as well, when the body is over.
    CHECK(runtime::scope([](Scope& s) {
            s.spawn([] { wait_for_ever(); });
            s.spawn([&s] { s.cancel(); });
            return 3;
          }) == 3);
  });
}

TEST_CASE("nothing of a child outlives the scope: not its captures, fiber-locals, or a result that nobody takes") {
  struct Slow {
    std::vector<std::string>* log = nullptr;
    ~Slow() {
      if (log == nullptr) return;
      runtime::sleep_for(200us);
      log->push_back("fiber-local");
    }
  };
  static runtime::FiberLocal<Slow> slow;
  Checked house;
  house.rt.block_on([] {
    std::vector<std::string> log;
    const auto parting = [&log](const char* words) {
      return Farewell([&log, words] {
        runtime::sleep_for(200us);
        log.push_back(words);
      });
    };
    std::optional<JoinHandle<void>> kept;
    runtime::scope([&](Scope& s) {
      s.spawn([&, capture = parting("capture")] { return parting("result"); });
      kept = s.spawn([&] { slow->log = &log; });
    });
    CHECK(kept->is_finished());
    CHECK(log.size() == 3);
    // A result whose destructor makes a fiber-local: it goes with this fiber, and not to the next task on it.
    runtime::scope([&](Scope& s) {
      s.spawn([&] { return Farewell([&] { slow->log = &log; }); });
    });
    CHECK(log.size() == 4);
  });
}

TEST_CASE("a child runs on the scope's runtime, wherever it is spawned on that thread; another thread is refused") {
  Checked house;
  house.rt.block_on([] {
    const auto outer = Handle::current().id();
    bool ran = false;
    runtime::scope([&](Scope& s) {
      runtime::run([&] {
        s.spawn([&] {
          ran = true;
          CHECK(Handle::current().id() == outer);
        });
      });
      std::optional<Errc> elsewhere, in_another;
      std::thread([&] {
        elsewhere = code_of([&] { s.spawn([] {}); });
        in_another = code_of([&] { runtime::run([&] { s.spawn([] {}); }); });
      }).join();
      CHECK(elsewhere == Errc::wrong_thread);
      CHECK(in_another == Errc::wrong_thread);
    });
    CHECK(ran);
  });
}

TEST_CASE("a closure that cannot be moved into its child leaves no child") {
  struct Unwilling {
    Unwilling() = default;
    Unwilling(const Unwilling&) { throw std::runtime_error("not me"); }
    void operator()() const {}
  };
  Checked house;
  house.rt.block_on([] {
    const Unwilling unwilling;
    CHECK_THROWS_WITH(runtime::scope([&](Scope& s) { s.spawn(unwilling); }), "not me");
    int others = 0;
    runtime::scope([&](Scope& s) {
      s.spawn([&] { ++others; });
      CHECK_THROWS_WITH(s.spawn(unwilling), "not me");
    });
    CHECK(others == 1);
  });
}

TEST_CASE("scopes work in a destructor while an exception unwinds, also one that cancelled the task") {
  Checked house;
  house.rt.block_on([] {
    int ended = 0;
    bool elapsed = false, failed = false;
    auto task = runtime::spawn_local([&] {
      const AtExit at_exit([&] {
        runtime::scope([&](Scope& s) {
          s.spawn([&] {
            runtime::sleep_for(100us);
            ++ended;
          });
          runtime::sleep_for(100us);
          ++ended;
        });
        try {
          runtime::scope([&](Scope& s) {
            s.spawn([] { throw std::runtime_error("inside"); });
            wait_for_ever();
          });
        } catch (const std::runtime_error&) {
          failed = true;
        }
        try {
          runtime::timeout(1ms, [&] { runtime::scope([](Scope& s) { s.spawn([] { wait_for_ever(); }); }); });
        } catch (const runtime::Elapsed&) {
          elapsed = true;
        }
      });
      wait_for_ever();
    });
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(ended == 2);
    CHECK(failed);
    CHECK(elapsed);
  });
}

TEST_CASE("scopes nest, and an error stops at the scope that it is thrown out of and caught around") {
  Checked house;
  house.rt.block_on([] {
    int outer_child = 0;
    runtime::scope([&](Scope& outer) {
      outer.spawn([&] {
        runtime::sleep_for(1ms);
        outer_child = 1;
      });
      try {
        runtime::scope([](Scope& inner) {
          inner.spawn([] { throw std::runtime_error("inner"); });
          wait_for_ever();
        });
      } catch (const std::runtime_error&) {
      }
    });
    CHECK(outer_child == 1);
  });
}

TEST_CASE("a scope in a task with a stack of its own size, and results of every kind") {
  struct NoDefault {
    explicit NoDefault(int number) : value(number) {}
    NoDefault(NoDefault&&) = default;
    NoDefault& operator=(NoDefault&&) = delete;
    const int value;
  };
  Checked house;
  house.rt.block_on([] {
    runtime::TaskBuilder()
        .stack_size(48 * 1024)
        .spawn_local([] {
          int local = 3;
          int& reference = runtime::scope([&](Scope&) -> int& { return local; });
          CHECK(&reference == &local);
          CHECK(*runtime::scope([](Scope&) { return std::make_unique<int>(5); }) == 5);
          CHECK(runtime::scope([](Scope&) { return NoDefault(6); }).value == 6);
          runtime::scope([&](Scope& s) {
            CHECK(&s.spawn([&]() -> int& { return local; }).join() == &local);
            CHECK(s.spawn([] { return NoDefault(8); }).join().value == 8);
          });
        })
        .join();
  });
}

TEST_CASE("outside a fiber there is no scope: on plain threads, on pool threads, beside block_on") {
  Checked house;
  const auto codes = [] {
    CHECK(code_of([] { runtime::scope([](Scope&) {}); }) == Errc::no_runtime);
    CHECK(code_of([] { runtime::join_all_of([] {}); }) == Errc::no_runtime);
  };
  codes();
  std::thread(codes).join();
  const auto guard = house.rt.enter();
  codes();
  house.rt.block_on([&] { runtime::spawn_blocking(codes).join(); });
}

TEST_CASE("a shutdown unwinds the children before the task that waits for them") {
  const Limits limits;
  std::string log;
  LocalRuntime rt;
  rt.block_on([&] {
    runtime::spawn_local([&log] {
      const AtExit at_exit([&] { log += "caller"; });
      runtime::scope([&](Scope& s) {
        s.spawn([&] {
          const AtExit child_exit([&] {
            runtime::yield_now();
            log += "child ";
          });
          wait_for_ever();
        });
      });
    });
    settle();
  });
  const auto report = rt.shutdown_timeout(1h);
  CHECK(report.tasks_cancelled == 2);
  CHECK(report.tasks_left_parked == 0);
  CHECK(log == "child caller");
}
