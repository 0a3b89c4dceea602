// offload: a piece of the caller's own work on a pool thread.

#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::offload;

TEST_CASE("the closure runs on another thread and may borrow the caller's locals") {
  Checked house;
  const auto owner = std::this_thread::get_id();
  const auto check = [owner] {
    std::string local = "before";
    offload([&] {
      CHECK(std::this_thread::get_id() != owner);
      local = "after";
    });
    CHECK(local == "after");
    CHECK(std::this_thread::get_id() == owner);
  };
  house.rt.block_on([&] {
    check();  // the root is a fiber for this
    runtime::spawn_local(check).join();
  });
}

TEST_CASE("outside a fiber it simply calls the closure, on a plain thread and on a pool thread") {
  const Limits limits;
  const auto calls_here = [] {
    const auto here = std::this_thread::get_id();
    return offload([here] { return std::this_thread::get_id() == here; });
  };
  CHECK(calls_here());
  CHECK(runtime::run([&] { return runtime::spawn_blocking(calls_here).join(); }));
  CHECK(runtime::run([&] { return offload([&] { return calls_here(); }); }));
  CHECK_THROWS_AS(offload([] { throw std::range_error("plain"); }), std::range_error);
}

TEST_CASE("values, move-only values, references and exceptions come back") {
  Checked house;
  house.rt.block_on([] {
    int number = 1;
    CHECK(offload([] { return 5; }) == 5);
    CHECK(*offload([p = std::make_unique<int>(6)]() mutable { return std::move(p); }) == 6);
    CHECK(&offload([&]() -> int& { return number; }) == &number);
    static_assert(std::is_void_v<decltype(offload([] {}))>);
    CHECK_THROWS_WITH_AS(offload([]() -> int { throw std::range_error("o"); }), "o", std::range_error);
    CHECK_THROWS_AS(offload([] { throw 3; }), int);
    const std::function<int()> wrapped = [] { return 7; };
    CHECK(offload(wrapped) == 7);
    struct Once {
      int operator()() && { return 8; }
    };
    CHECK(offload(Once()) == 8);
  });
}

TEST_CASE("a closure given by name is called where it is, not copied") {
  Checked house;
  house.rt.block_on([] {
    struct Uncopyable {
      Uncopyable() = default;
      Uncopyable(const Uncopyable&) = delete;
      Uncopyable& operator=(const Uncopyable&) = delete;
      int operator()() { return ++calls; }
      int calls = 0;
    };
    Uncopyable closure;
    CHECK(offload(closure) == 1);
    CHECK(offload(closure) == 2);
    CHECK(closure.calls == 2);
  });
}

TEST_CASE("errno comes back from the pool thread") {
  Checked house;
  house.rt.block_on([] {
    runtime::spawn_local([] {
      offload([] { errno = ENOTTY; });
      CHECK(errno == ENOTTY);
      offload([] { CHECK(errno == 0); });
    }).join();
    CHECK(offload([] { return ::close(-1); }) == -1);
    CHECK(errno == EBADF);
  });
}

TEST_CASE("only the caller waits: its siblings go on, and many callers are served at once") {
  Checked house;
  std::atomic<int> inside{0};
  std::atomic<bool> release{false};
  house.rt.block_on([&] {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 8; ++i) {
      tasks.push_back(runtime::spawn_local([&, i] {
        return offload([&] {
          ++inside;
          return eventually([&] { return release.load(); }) ? i : -1;
        });
      }));
    }
    CHECK(eventually([&] { return inside == 8; }));
    release = true;
    for (int i = 0; i < 8; ++i) CHECK(tasks[static_cast<std::size_t>(i)].join() == i);
  });
}

TEST_CASE("a task that is already cancelled does not offload") {
  Checked house;
  bool ran = false;
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      try {
        wait_for_ever();
      } catch (const Cancelled&) {
      }
      offload([&] { ran = true; });
    });
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK_FALSE(ran);
  });
}

TEST_CASE("a result that a cancelled caller cannot take is destroyed") {
  Checked house;
  static std::atomic<int> alive;
  alive = 0;
  struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --alive; }
  };
  std::atomic<bool> started{false}, release{false};
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      const Counted taken = offload([&] {
        started = true;
        eventually([&] { return release.load(); });
        return Counted();
      });
    });
    CHECK(eventually([&] { return started.load(); }));
    task.abort();
    release = true;
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(alive == 0);
  });
}

TEST_CASE("20,000 offloads from many tasks lose no wake") {
  Checked house(Builder().max_blocking_threads(3));
  std::atomic<int> ran{0};
  house.rt.block_on([&] {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 100; ++i) {
      tasks.push_back(runtime::spawn_local([&] {
        int sum = 0;
        for (int call = 0; call < 200; ++call) sum += offload([&] { return ++ran > 0 ? 1 : 0; });
        return sum;
      }));
    }
    for (auto& task : tasks) CHECK(task.join() == 200);
  });
  CHECK(ran == 20'000);
}
