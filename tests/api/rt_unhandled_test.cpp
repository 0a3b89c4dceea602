// Exceptions that nobody receives are told on stderr: which task, from where, and what it says.

#include <atomic>
#include <stdexcept>
#include <string>

#include "support.hpp"

using namespace api_test;

namespace {

std::string here(int line) { return std::string(__FILE__) + ":" + std::to_string(line); }

[[noreturn]] void fail() { throw std::runtime_error("the milk is sour"); }

/// What the runtime says about whatever f does in a block_on, until its end.
template <class F>
std::string told(F f) {
  const Limits limits;
  const CapturedStderr captured;
  runtime::run([&] {
    f();
    settle();
  });
  return captured.text();
}

}  // namespace

TEST_CASE("a detached task's exception is told at once, with id, name, place and text") {
  const Limits limits;
  const CapturedStderr captured;
  std::string during, id;
  int line = 0;
  runtime::run([&] {
    line = __LINE__ + 1;
    id = std::to_string(runtime::TaskBuilder().name("dairy").spawn_local(fail).id().value());
    settle();
    during = captured.text();
  });
  CHECK(during.find("task " + id) != std::string::npos);
  CHECK(during.find("dairy") != std::string::npos);
  CHECK(during.find("the milk is sour") != std::string::npos);
  CHECK(during.find(here(line)) != std::string::npos);
  CHECK(during.back() == '\n');
  CHECK(captured.text() == during);  // once
}

TEST_CASE("an exception is told when the last handle goes unjoined, and not before") {
  const Limits limits;
  const CapturedStderr captured;
  runtime::run([&] {
    auto task = runtime::spawn_local(fail);
    task.wait();
    CHECK(captured.text().empty());
    const auto abort = task.abort_handle();
    { const auto gone = std::move(task); }
    CHECK(occurrences(captured.text(), "the milk is sour") == 1);
  });
  CHECK(occurrences(captured.text(), "the milk is sour") == 1);
}

TEST_CASE("a handle that outlives the runtime still tells when it goes") {
  const Limits limits;
  const CapturedStderr captured;
  {
    std::optional<JoinHandle<void>> task;
    runtime::run([&] {
      task = runtime::spawn_local(fail);
      task->wait();
    });
    task.reset();
  }
  CHECK(occurrences(captured.text(), "the milk is sour") == 1);
}

TEST_CASE("what was joined is not told, nor a cancellation, nor a value") {
  CHECK(told([] {
          auto task = runtime::spawn_local(fail);
          CHECK_THROWS_AS(task.join(), std::runtime_error);
          auto timed = runtime::spawn_local(fail);
          CHECK_THROWS_AS(static_cast<void>(timed.join_for(10s)), std::runtime_error);
          runtime::spawn_local([] { wait_for_ever(); });
          runtime::spawn_local([] { wait_for_ever(); }).abort();
          runtime::spawn_local([] { return 4; });
          settle();
        }).empty());
}

TEST_CASE("each way to spawn tells the caller's place") {
  const auto check = [](const std::string& text, int line) {
    CHECK(occurrences(text, "the milk is sour") == 1);
    CHECK(text.find(here(line)) != std::string::npos);
  };
  check(told([] { runtime::spawn_local(fail); }), __LINE__);
  check(told([] { runtime::spawn(fail); }), __LINE__);
  check(told([] { runtime::spawn_blocking(fail).wait(); }), __LINE__);
  check(told([] { Handle::current().spawn(fail); }), __LINE__);
  check(told([] { Handle::current().spawn_local(fail); }), __LINE__);
  check(told([] { Handle::current().spawn_blocking(fail).wait(); }), __LINE__);
  check(told([] { runtime::TaskBuilder().spawn_local(fail); }), __LINE__);
  check(told([] { runtime::TaskBuilder().spawn(fail); }), __LINE__);
  check(told([] { runtime::TaskBuilder().spawn_blocking(fail).wait(); }), __LINE__);
  const Limits limits;
  const CapturedStderr captured;
  int line = 0;
  {
    LocalRuntime rt;
    line = __LINE__ + 1;
    rt.spawn_local(fail), rt.spawn_blocking(fail);
    rt.block_on([&] { CHECK(eventually([&] { return occurrences(captured.text(), "the milk") == 2; })); });
  }
  CHECK(occurrences(captured.text(), here(line)) == 2);
}

TEST_CASE("what is thrown while the runtime ends is told, too") {
  const Limits limits;
  const CapturedStderr captured;
  runtime::run([] {
    runtime::spawn_local([] {
      try {
        wait_for_ever();
      } catch (const Cancelled&) {
        fail();
      }
    });
    settle();
  });
  CHECK(occurrences(captured.text(), "the milk is sour") == 1);
}

TEST_CASE("an exception that is no std::exception is told with its type") {
  struct Oddity {};
  const std::string text = told([] { runtime::spawn_local([] { throw Oddity(); }); });
  CHECK(occurrences(text, "Oddity") == 1);
  const std::string number = told([] { runtime::spawn_local([] { throw 42; }); });
  CHECK(number.find("int") != std::string::npos);
}

TEST_CASE("a long text is told whole") {
  const std::string long_text = std::string(5000, 'a') + "the end";
  const std::string text = told([&] { runtime::spawn_local([&] { throw std::runtime_error(long_text); }); });
  CHECK(text.find(long_text) != std::string::npos);
  CHECK(text.back() == '\n');
}

TEST_CASE("an exception that nobody receives disturbs no other task") {
  const std::string text = told([] {
    runtime::spawn_local(fail);
    CHECK(runtime::spawn_local([] { return 3; }).join() == 3);
  });
  CHECK(occurrences(text, "the milk is sour") == 1);
}

TEST_CASE("what is thrown where another end has been decided already is told, too") {
  SUBCASE("by the body of a scope, after a child") {
    const std::string text = told([] {
      CHECK_THROWS_WITH(runtime::scope([](runtime::Scope& s) {
                          s.spawn([] { throw std::runtime_error("the child"); });
                          try {
                            wait_for_ever();
                          } catch (const Cancelled&) {
                            fail();
                          }
                        }),
                        "the child");
    });
    CHECK(occurrences(text, "the body of a scope()") == 1);
    CHECK(occurrences(text, "the milk is sour") == 1);
  }
  SUBCASE("by the closure of an offload, after its caller was cancelled") {
    const std::string text = told([] {
      std::atomic<bool> aborted{false};
      auto task = runtime::spawn_local([&] {
        runtime::offload([&] {
          while (!aborted) std::this_thread::yield();
          fail();
        });
      });
      settle();
      task.abort();
      aborted = true;
      CHECK_THROWS_AS(task.join(), JoinError);
    });
    CHECK(occurrences(text, "the closure of an offload()") == 1);
    CHECK(occurrences(text, "the milk is sour") == 1);
  }
  SUBCASE("by the branch that won a select which nobody looks at") {
    CHECK(occurrences(told([] { runtime::select(fail, [] { wait_for_ever(); }); }), "the milk is sour") == 1);
    CHECK(told([] {
            auto first = runtime::select(fail, [] { wait_for_ever(); });
            auto moved = std::move(first);
            CHECK_THROWS_WITH(moved.get<0>(), "the milk is sour");
          }).empty());
  }
}
