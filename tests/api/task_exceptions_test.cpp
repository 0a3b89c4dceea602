// Exceptions: they cross to whoever joins, as the same object, and belong to their fiber while it is handling them.

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

struct Marked : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws, and tells where the exception object is.
[[noreturn]] void throw_marked(const std::string& text, const void*& address) {
  try {
    throw Marked(text);
  } catch (const Marked& marked) {
    address = &marked;
    throw;
  }
}

template <class Join>
void check_same_object(Join join, const void* const& address) {
  try {
    join();
    FAIL_CHECK("no exception came out");
  } catch (const Marked& marked) {
    CHECK(&marked == address);
    CHECK(std::string(marked.what()) == "marked");
  }
}

}  // namespace

TEST_CASE("what leaves a task comes out of join, the very same object, on any thread") {
  Checked house;
  const void* address = nullptr;
  const auto fail = [&address] { throw_marked("marked", address); };
  house.rt.block_on([&] {
    check_same_object([&] { runtime::spawn_local(fail).join(); }, address);
    check_same_object([&] { runtime::spawn(fail).join(); }, address);
    check_same_object([&] { runtime::spawn_blocking(fail).join(); }, address);
    check_same_object([&] { runtime::offload(fail); }, address);
    check_same_object([&] { static_cast<void>(runtime::spawn_local(fail).join_for(20s)); }, address);
    auto inside = runtime::spawn_local([&] { check_same_object([&] { runtime::spawn_local(fail).join(); }, address); });
    inside.join();
    auto task = runtime::spawn_local(fail);
    bool done = false;
    std::thread other([&] {
      check_same_object([&] { task.join(); }, address);
      Handle(house.rt.handle()).spawn([&] { done = true; }).join();
    });
    CHECK(eventually([&] { return done; }));
    other.join();
  });
}

TEST_CASE("anything can be thrown, and an exception_ptr taken in the task is equal to the one of the join") {
  Checked house;
  house.rt.block_on([] {
    CHECK_THROWS_AS(runtime::spawn_local([] { throw 5; }).join(), int);
    CHECK_THROWS_AS(runtime::spawn_local([]() -> int { throw "text"; }).join(), const char*);
    CHECK_THROWS_AS(runtime::spawn_local([]() -> int& { throw std::make_unique<int>(1); }).join(), std::unique_ptr<int>);
    std::exception_ptr inside, outside;
    auto task = runtime::spawn_local([&] {
      try {
        throw Marked("pointer");
      } catch (...) {
        inside = std::current_exception();
        throw;
      }
    });
    try {
      task.join();
    } catch (...) {
      outside = std::current_exception();
    }
    CHECK(inside == outside);
  });
}

TEST_CASE("two fibers parked inside catch each rethrow their own") {
  Checked house;
  house.rt.block_on([] {
    const auto parked_inside_catch = [](std::string text) {
      return [text] {
        try {
          throw Marked(text);
        } catch (const Marked&) {
          for (int i = 0; i < 3; ++i) runtime::yield_now();
          runtime::sleep_for(100us);
          throw;
        }
      };
    };
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(runtime::spawn_local(parked_inside_catch(std::to_string(i))));
    for (int i = 9; i >= 0; --i) {
      CHECK_THROWS_WITH_AS(tasks[static_cast<std::size_t>(i)].join(), std::to_string(i).c_str(), Marked);
    }
  });
}

TEST_CASE("the root parked inside catch rethrows its own, whatever its tasks throw meanwhile") {
  Checked house;
  CHECK_THROWS_WITH_AS(house.rt.block_on([] {
    try {
      throw Marked("the root's");
    } catch (const Marked&) {
      CHECK_THROWS_WITH_AS(runtime::spawn_local([] { throw Marked("a task's"); }).join(), "a task's", Marked);
      runtime::sleep_for(100us);
      throw;
    }
  }),
                       "the root's", Marked);
}

TEST_CASE("a fiber that parks while it unwinds keeps its count of exceptions in flight, and its siblings theirs") {
  Checked house;
  house.rt.block_on([] {
    int in_flight = -1, beside = -1, after = -1;
    auto unwinds = runtime::spawn_local([&] {
      const AtExit at_exit([&] {
        runtime::yield_now();
        runtime::sleep_for(100us);
        in_flight = std::uncaught_exceptions();
      });
      throw Marked("in flight");
    });
    auto sibling = runtime::spawn_local([&] {
      runtime::yield_now();
      beside = std::uncaught_exceptions();
    });
    sibling.join();
    CHECK_THROWS_AS(unwinds.join(), Marked);
    runtime::spawn_local([&] { after = std::uncaught_exceptions(); }).join();
    CHECK(in_flight == 1);
    CHECK(beside == 0);
    CHECK(after == 0);
    CHECK(std::uncaught_exceptions() == 0);
  });
}

TEST_CASE("nested handlers stay nested across parks") {
  Checked house;
  house.rt.block_on([] {
    const auto nested = [](int number) {
      return [number] {
        std::string seen;
        try {
          throw Marked("outer " + std::to_string(number));
        } catch (const Marked& outer) {
          runtime::yield_now();
          try {
            throw Marked("inner " + std::to_string(number));
          } catch (const Marked& inner) {
            runtime::sleep_for(100us);
            seen += inner.what();
          }
          runtime::yield_now();
          seen += ", ";
          seen += outer.what();
          try {
            throw;
          } catch (const Marked& again) {
            CHECK(&again == &outer);
          }
        }
        CHECK(std::current_exception() == nullptr);
        return seen;
      };
    };
    auto first = runtime::spawn_local(nested(1));
    auto second = runtime::spawn_local(nested(2));
    CHECK(first.join() == "inner 1, outer 1");
    CHECK(second.join() == "inner 2, outer 2");
  });
}

TEST_CASE("an exception is destroyed when nobody holds it any more") {
  Checked house;
  static int alive;
  alive = 0;
  struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    ~Counted() { --alive; }
  };
  house.rt.block_on([] {
    {
      auto task = runtime::spawn_local([] { throw Counted(); });
      task.wait();
      CHECK(alive == 1);
      CHECK_THROWS_AS(task.join(), Counted);
    }
    CHECK(alive == 0);
  });
}

TEST_CASE("an exception thrown by a move of the result, or by the closure's captures being made, reaches the join") {
  Checked house;
  struct Refuses {
    Refuses() = default;
    Refuses(Refuses&&) { throw Marked("result"); }
  };
  static Refuses source;
  house.rt.block_on([] {
    auto task = runtime::spawn_local([]() -> Refuses { return std::move(source); });
    CHECK_THROWS_WITH_AS(task.join(), "result", Marked);
    CHECK(runtime::spawn_local([] { return 1; }).join() == 1);
  });
}
