#include "scheduler/current_thread.hpp"

#include <atomic>
#include <cfenv>
#include <functional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "io/wait.hpp"
#include "support/descriptors.hpp"
#include "support/leak_check.hpp"
#include "task/park.hpp"

using namespace std::chrono_literals;
using runtime::spawn_local;
using runtime::yield_now;
namespace task = runtime::task;

namespace {

struct Fixture : test::LeakCheck {
  ~Fixture() { test::check_quiet(rt.metrics()); }
  runtime::LocalRuntime rt;
};

/// A runtime with intervals of the test's choosing.
struct Short : test::LeakCheck {
  ~Short() { test::check_quiet(rt.metrics()); }
  runtime::LocalRuntime rt = runtime::Builder().event_interval(8).global_queue_interval(4).build_local();
};

void join_all(std::vector<runtime::JoinHandle<void>>& handles) {
  for (auto& handle : handles) handle.join();
}

}  // namespace

// Order.
// ----------------------------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "tasks start in the order they were spawned, and never inside spawn") {
  std::vector<int> order;
  std::vector<runtime::JoinHandle<void>> handles;
  for (int i = 0; i < 5; ++i) handles.push_back(rt.spawn_local([&order, i] { order.push_back(i); }));
  CHECK(order.empty());
  rt.block_on([&] {
    handles.push_back(spawn_local([&order] { order.push_back(5); }));
    CHECK(order.empty());
    join_all(handles);
  });
  CHECK(order == std::vector{0, 1, 2, 3, 4, 5});
}

TEST_CASE_FIXTURE(Fixture, "tasks that give way take turns") {
  std::vector<int> order;
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> handles;
    for (int i = 0; i < 3; ++i) {
      handles.push_back(spawn_local([&order, i] {
        for (int turn = 0; turn < 3; ++turn) {
          order.push_back(i);
          yield_now();
        }
      }));
    }
    join_all(handles);
  });
  CHECK(order == std::vector{0, 1, 2, 0, 1, 2, 0, 1, 2});
}

TEST_CASE_FIXTURE(Fixture, "a task spawned by one that gives way runs before that one goes on") {
  std::vector<int> order;
  rt.block_on([&] {
    spawn_local([&] {
      auto child = spawn_local([&] { order.push_back(1); });
      yield_now();
      order.push_back(2);
      child.join();
    }).join();
  });
  CHECK(order == std::vector{1, 2});
}

TEST_CASE_FIXTURE(Fixture, "joiners are woken in the order in which what they joined has ended") {
  std::vector<int> order;
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> joined, joiners;
    for (int i = 0; i < 3; ++i) {
      joined.push_back(spawn_local([i] {
        for (int turn = 0; turn < 3 - i; ++turn) yield_now();
      }));
    }
    for (int i = 0; i < 3; ++i) {
      joiners.push_back(spawn_local([&, i] {
        joined[static_cast<std::size_t>(i)].join();
        order.push_back(i);
      }));
    }
    join_all(joiners);
  });
  CHECK(order == std::vector{2, 1, 0});
}

TEST_CASE_FIXTURE(Short, "a task that the driver wakes runs before those who only give way") {
  const test::FdPair pipe = test::make_pipe();
  bool woken = false;
  int turns_before = 0, turns_after_write = 0;
  rt.block_on([&] {
    auto reader = spawn_local([&] {
      runtime::io::wait_fd(pipe.first.get(), runtime::io::kReadable, runtime::base::kForever);
      woken = true;
    });
    std::vector<runtime::JoinHandle<void>> yielders;
    for (int i = 0; i < 20; ++i) {
      yielders.push_back(spawn_local([&] {
        while (!woken) {
          if (++turns_before == 50) test::write_byte(pipe.second);
          if (turns_before > 50) ++turns_after_write;
          yield_now();
        }
      }));
    }
    reader.join();
    join_all(yielders);
  });
  // The driver is looked at within 8 resumes; then the reader goes before the 20.
  CHECK(turns_after_write <= 8);
}

// Intervals.
// ------------------------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(Short, "the root has its turn after at most event_interval resumes, however many are ready") {
  bool stop = false;
  int turns = 0, longest = 0;
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> yielders;
    for (int i = 0; i < 100; ++i) {
      yielders.push_back(spawn_local([&] {
        while (!stop) {
          ++turns;
          yield_now();
        }
      }));
    }
    for (int i = 0; i < 50; ++i) {
      turns = 0;
      yield_now();
      longest = std::max(longest, turns);
    }
    stop = true;
    join_all(yielders);
  });
  CHECK(longest <= 8);
  CHECK(longest >= 1);
}

TEST_CASE_FIXTURE(Short, "a task from another thread has its turn after at most global_queue_interval resumes") {
  bool arrived = false;
  int turns_since = 0;
  std::atomic<bool> injected{false};
  rt.block_on([&] {
    const runtime::Handle handle = runtime::Handle::current();
    std::vector<runtime::JoinHandle<void>> yielders;
    std::thread other;
    for (int i = 0; i < 20; ++i) {
      yielders.push_back(spawn_local([&, i] {
        while (!arrived) {
          if (i == 0 && !other.joinable()) {
            other = std::thread([&] {
              handle.spawn([&] { arrived = true; });
              injected = true;
            });
            CHECK(test::eventually([&] { return injected.load(); }));
          }
          if (injected) ++turns_since;
          yield_now();
        }
      }));
    }
    join_all(yielders);
    other.join();
  });
  CHECK(arrived);
  CHECK(turns_since <= 5);
}

TEST_CASE_FIXTURE(Short, "a root that only gives way still has the timers looked at") {
  bool fired = false;
  rt.block_on([&] {
    auto sleeper = spawn_local([&] {
      runtime::sleep_for(1ms);
      fired = true;
    });
    while (!fired) yield_now();
    sleeper.join();
  });
  CHECK(fired);
}

// What every task starts with.
// ------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(
    Fixture, "a task starts with errno 0 and the rounding mode of block_on, whatever the last one on its stack did") {
  rt.block_on([] {
    for (int i = 0; i < 3; ++i) {
      spawn_local([] {
        CHECK(errno == 0);
        CHECK(std::fegetround() == FE_TONEAREST);
        errno = EDOM;
        std::fesetround(FE_UPWARD);
      }).join();
    }
    CHECK(std::fegetround() == FE_TONEAREST);
    // Also one that follows on the same stack without a switch.
    std::vector<runtime::JoinHandle<void>> handles;
    for (int i = 0; i < 10; ++i) {
      handles.push_back(spawn_local([] {
        CHECK(errno == 0);
        CHECK(std::fegetround() == FE_TONEAREST);
        errno = EDOM;
        std::fesetround(FE_UPWARD);
      }));
    }
    join_all(handles);
  });
}

TEST_CASE_FIXTURE(Fixture, "one stack is enough for tasks that end before the next one starts") {
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> handles;
    for (int i = 0; i < 1000; ++i) {
      handles.push_back(spawn_local([&] { CHECK(rt.metrics().stacks_in_use() == 1); }));
    }
    CHECK(rt.metrics().stacks_in_use() == 0);
    join_all(handles);
  });
  CHECK(rt.metrics().stacks_pooled() == 1);
}

// Other threads.
// --------------------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "twenty thousand spawns by four threads all run, each thread's in its order") {
  constexpr int kThreads = 4, kSpawns = 5'000;
  std::vector<int> next(kThreads, 0);
  bool in_order = true;
  int runs = 0;
  rt.block_on([&] {
    const runtime::Handle handle = runtime::Handle::current();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kSpawns; ++i) {
          handle.spawn([&, t, i] {
            in_order &= next[static_cast<std::size_t>(t)]++ == i;
            ++runs;
          });
        }
      });
    }
    while (runs < kThreads * kSpawns) runtime::sleep_for(100us);
    for (std::thread& thread : threads) thread.join();
  });
  CHECK(in_order);
  CHECK(rt.metrics().remote_schedule_count() == kThreads * kSpawns);
}

TEST_CASE_FIXTURE(Fixture, "twenty thousand wakes by four threads lose none: the task sees the last word of each") {
  constexpr int kThreads = 4, kWakes = 5'000;
  rt.block_on([&] {
    std::atomic<int> said[kThreads] = {};
    auto listener = spawn_local([&] {
      task::Task& self = *task::current();
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < kWakes; ++i) {
            ++said[t];
            task::wake(self);
          }
        });
      }
      task::park_until_certain(self, [&] {
        for (const auto& word : said) {
          if (word != kWakes) return false;
        }
        return true;
      });
      for (std::thread& thread : threads) thread.join();
    });
    listener.join();
  });
}

TEST_CASE_FIXTURE(Fixture, "spawning on a runtime that is gone gives a finished handle, however often") {
  const runtime::Handle handle = [] {
    runtime::LocalRuntime gone;
    gone.block_on([] { runtime::spawn([] {}).join(); });
    return gone.handle();
  }();
  for (int i = 0; i < 3; ++i) {
    auto refused = handle.spawn([] { FAIL("it ran"); });
    CHECK(refused.is_finished());
    CHECK_THROWS_AS(refused.join(), runtime::JoinError);
  }
  std::thread([&] { CHECK(handle.spawn([] {}).is_finished()); }).join();
}

TEST_CASE_FIXTURE(Fixture, "a closure refused by a shutdown may wait in the destructor of a capture") {
  struct WaitsAtEnd {
    explicit WaitsAtEnd(bool& done) : done(&done) {}
    WaitsAtEnd(WaitsAtEnd&& other) noexcept : done(std::exchange(other.done, nullptr)) {}
    ~WaitsAtEnd() {
      if (done == nullptr) return;
      runtime::sleep_for(200us);
      *done = true;
    }
    bool* done;
  };
  bool done = false;
  {
    runtime::LocalRuntime other;
    const runtime::Handle handle = other.handle();
    std::thread([&] { handle.spawn([waits = WaitsAtEnd(done)] {}); }).join();
  }
  CHECK(done);
}

// A runtime on a fiber of another one.
// ----------------------------------------------------------------------------------

TEST_CASE_FIXTURE(
    Fixture, "a runtime that has never watched a descriptor, asleep on another's fiber, is woken by a pool thread") {
  int result = 0;
  rt.block_on([&] {
    spawn_local([&] {
      runtime::LocalRuntime inner;
      result = inner.block_on([] {
        return runtime::spawn_blocking([] {
                 std::this_thread::sleep_for(2ms);
                 return 5;
               })
            .join();
      });
    }).join();
  });
  CHECK(result == 5);
}

TEST_CASE_FIXTURE(Fixture, "a runtime asleep on another's fiber does not spin after it was woken once") {
  std::uint64_t parks = 0;
  rt.block_on([&] {
    spawn_local([&] {
      runtime::LocalRuntime inner;
      inner.block_on([&] {
        for (int i = 0; i < 3; ++i) runtime::spawn_blocking([] { std::this_thread::sleep_for(1ms); }).join();
        const std::uint64_t before = inner.metrics().worker_park_count();
        runtime::spawn_blocking([] { std::this_thread::sleep_for(10ms); }).join();
        parks = inner.metrics().worker_park_count() - before;
      });
    }).join();
  });
  CHECK(parks <= 4);
}
