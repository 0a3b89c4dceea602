#include "fiber/exception_state.hpp"

#include <exception>
#include <string>

#include <doctest/doctest.h>

#include "support/fiber_stage.hpp"
#include "support/leak_check.hpp"

TEST_CASE_FIXTURE(test::LeakCheck, "two fibers parked inside catch each rethrow their own exception") {
  test::FiberStage stage;
  std::string first_got, second_got;
  const auto catcher = [&stage](const char* word, std::string& got) {
    return std::function<void()>([&stage, word, &got] {
      try {
        throw std::string(word);
      } catch (const std::string&) {
        stage.pause();
        try {
          throw;
        } catch (const std::string& again) {
          got = again;
        }
      }
    });
  };
  auto first_body = catcher("first", first_got);
  auto second_body = catcher("second", second_got);
  auto& first = stage.start(first_body);
  auto& second = stage.start(second_body);
  stage.resume(first);
  stage.resume(second);
  CHECK(std::current_exception() == nullptr);  // theirs are not ours
  stage.resume(first);
  stage.resume(second);
  CHECK(first_got == "first");
  CHECK(second_got == "second");
}

TEST_CASE_FIXTURE(test::LeakCheck, "the native stack keeps its exception while fibers throw and catch theirs") {
  test::FiberStage stage;
  try {
    throw 7;
  } catch (...) {
    stage.run([] {
      CHECK(std::current_exception() == nullptr);
      try {
        throw std::string("inside");
      } catch (const std::string&) {
      }
    });
    CHECK_THROWS_AS(throw, int);
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "a fiber that pauses while it unwinds is the only one with an exception in flight") {
  test::FiberStage stage;
  struct PausesWhenDestroyed {
    test::FiberStage& stage;
    int& in_flight;
    ~PausesWhenDestroyed() {
      stage.pause();
      in_flight = std::uncaught_exceptions();
    }
  };
  int in_unwinding = -1, in_sibling = -1;
  std::function<void()> unwinding = [&] {
    try {
      const PausesWhenDestroyed pauses{stage, in_unwinding};
      throw 1;
    } catch (int) {
    }
    CHECK(std::uncaught_exceptions() == 0);
  };
  auto& fiber = stage.start(unwinding);
  stage.resume(fiber);
  CHECK(std::uncaught_exceptions() == 0);
  stage.run([&] { in_sibling = std::uncaught_exceptions(); });
  stage.resume(fiber);
  CHECK(in_sibling == 0);
  CHECK(in_unwinding == 1);
}
