// FiberLocal: one value for each fiber, and for each thread where no fiber runs.

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::FiberLocal;

TEST_CASE("each fiber has its own value, made when first used, and keeps it across waits") {
  static FiberLocal<int> value;
  Checked house;
  *value = 100;
  house.rt.block_on([] {
    CHECK(*value == 0);  // the root's own
    *value = 1;
    std::vector<JoinHandle<void>> tasks;
    for (int i = 2; i < 5; ++i) {
      tasks.push_back(runtime::spawn_local([i] {
        CHECK(*value == 0);
        *value = i;
        for (int turn = 0; turn < 3; ++turn) {
          runtime::yield_now();
          CHECK(*value == i);
        }
      }));
    }
    for (auto& task : tasks) task.join();
    CHECK(*value == 1);
    CHECK(runtime::run([] { return *value; }) == 0);  // the root inside this fiber is another
  });
  CHECK(*value == 100);
  std::thread([] { CHECK(*value == 0); }).join();
  house.rt.block_on([] { CHECK(*value == 0); });  // and the next root
  *value = 0;
}

namespace {

/// Writes into a log when it goes, after a wait.
struct Noted {
  std::vector<std::string>* log = nullptr;
  std::string words;
  ~Noted() {
    if (log == nullptr) return;
    runtime::sleep_for(50us);
    log->push_back(words);
  }
  void note(std::vector<std::string>& where, std::string what) {
    log = &where;
    words = std::move(what);
  }
};

FiberLocal<Noted> first, second;

}  // namespace

TEST_CASE("values go with their fiber, the youngest first, after the captures and before the result is published") {
  Checked house;
  house.rt.block_on([] {
    std::vector<std::string> log;
    auto task = runtime::spawn_local([&, f = Farewell([&] { log.push_back("capture"); })] {
      first->note(log, "first");
      second->note(log, "second");
      return 3;
    });
    settle();
    CHECK_FALSE(task.is_finished());  // a value's destructor waits
    CHECK(task.join() == 3);
    CHECK(log == std::vector<std::string>{"capture", "second", "first"});
  });
}

TEST_CASE("values go however the task ends: aborted, failing, not started, or as a loser of select") {
  Checked house;
  house.rt.block_on([] {
    std::vector<std::string> log;
    auto aborted = runtime::spawn_local([&] {
      first->note(log, "aborted");
      wait_for_ever();
    });
    auto failing = runtime::spawn_local([&] {
      first->note(log, "failing");
      throw std::runtime_error("failed");
    });
    auto unstarted = runtime::spawn_local([f = Farewell([&] { first->note(log, "unstarted"); })] {});
    unstarted.abort();
    settle();
    aborted.abort();
    CHECK_THROWS_AS(aborted.join(), JoinError);
    CHECK_THROWS_AS(failing.join(), std::runtime_error);
    CHECK_THROWS_AS(unstarted.join(), JoinError);
    CHECK(log.size() == 3);
    auto selected = runtime::select(
        [&] {
          first->note(log, "loser");
          wait_for_ever();
        },
        [] { runtime::sleep_for(1ms); });
    CHECK(selected.index() == 1);
    CHECK(log.size() == 4);
  });
}

TEST_CASE("values of the root go when block_on returns or throws, and may wait, and use the runtime") {
  Checked house;
  std::vector<std::string> log;
  house.rt.block_on([&] { first->note(log, "returned"); });
  CHECK(log.size() == 1);
  CHECK_THROWS_AS(house.rt.block_on([&] {
    first->note(log, "thrown");
    throw std::runtime_error("out");
  }),
                  std::runtime_error);
  CHECK(log.size() == 2);
}

TEST_CASE("a value made by a dropped result's destructor goes with that fiber, not to the next task on it") {
  static FiberLocal<int> value;
  Checked house;
  house.rt.block_on([] {
    for (int i = 0; i < 3; ++i) {
      runtime::spawn_local([] {
        CHECK(*value == 0);
        return Farewell([] { *value = 5; });
      });  // detached
      settle();
    }
  });
}

TEST_CASE("a value made in the destructor of another is destroyed, too") {
  static std::vector<std::string>* log;
  struct Chain {
    ~Chain() { first->note(*log, "made late"); }
  };
  static FiberLocal<Chain> chain;
  std::vector<std::string> lines;
  log = &lines;
  Checked house;
  house.rt.block_on([] { runtime::spawn_local([] { static_cast<void>(*chain); }).join(); });
  CHECK(lines == std::vector<std::string>{"made late"});
  std::thread([] { static_cast<void>(*chain); }).join();
  CHECK(lines.size() == 2);
}

TEST_CASE("a constructor that throws leaves no value, and is tried again") {
  static int attempts;
  struct Unwilling {
    Unwilling() {
      if (++attempts == 1) throw std::runtime_error("not yet");
    }
    int value = 6;
  };
  attempts = 0;
  static FiberLocal<Unwilling> unwilling;
  Checked house;
  house.rt.block_on([] {
    runtime::spawn_local([] {
      CHECK_THROWS_AS(static_cast<void>(*unwilling), std::runtime_error);
      CHECK(unwilling->value == 6);
      CHECK(unwilling->value == 6);
    }).join();
  });
  CHECK(attempts == 2);
}

TEST_CASE("a FiberLocal that is not a global: the next one at its place has values of its own") {
  Checked house;
  house.rt.block_on([] {
    runtime::spawn_local([] {
      for (int i = 0; i < 3; ++i) {
        FiberLocal<std::string> local;
        CHECK(local->empty());
        *local = "used";
      }
    }).join();
  });
}

TEST_CASE("pool threads have a value for each thread, destroyed with it") {
  static std::atomic<int> alive{0};
  struct Counted {
    Counted() { ++alive; }
    ~Counted() { --alive; }
  };
  static FiberLocal<Counted> counted;
  {
    Checked house(Builder().max_blocking_threads(2));
    house.rt.block_on([] {
      for (int i = 0; i < 10; ++i) runtime::offload([] { static_cast<void>(*counted); });
      CHECK(alive >= 1);
      CHECK(alive <= 2);
    });
  }
  CHECK(eventually([] { return alive == 0; }));  // a thread's end is not the runtime's
}

TEST_CASE("closures that a shutdown destroys may make values whose destructors wait") {
  const Limits limits;
  std::vector<std::string> log;
  LocalRuntime rt;
  const Handle handle = rt.handle();
  // Its destructor runs in the last round, when another thread spawns what nobody runs any more.
  auto spawns_late = Farewell([&log, handle] {
    std::thread([&] { handle.spawn([f = Farewell([&log] { first->note(log, "late"); })] {}); }).join();
  });
  rt.block_on([&] {
    runtime::spawn_local([f = std::move(spawns_late)] { wait_for_ever(); });
    settle();
  });
  rt.shutdown_background();
  CHECK(log == std::vector<std::string>{"late"});
}
