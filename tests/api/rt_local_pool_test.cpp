// LocalPool: threads with a runtime each, least loaded first, exact counts, a clean end.

#include <atomic>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::LocalPool;
using Loads = std::vector<std::size_t>;

namespace {

/// Tasks that stay where they are until they are let go.
class Gate {
 public:
  auto closure() {
    return [this] {
      ++waiting_;
      while (!open_) runtime::sleep_for(50us);
    };
  }
  void wait_for(int n) {
    CHECK(eventually([&] { return waiting_ == n; }));
  }
  void open() { open_ = true; }

 private:
  std::atomic<int> waiting_{0};
  std::atomic<bool> open_{false};
};

}  // namespace

TEST_CASE_FIXTURE(Limits, "work goes to the least loaded worker, to the first of several, and its result comes back") {
  const LocalPool pool(3);
  CHECK(pool.num_threads() == 3);
  CHECK(pool.get_task_loads_for_each_worker() == Loads{0, 0, 0});
  Gate gate;
  std::vector<JoinHandle<void>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(pool.spawn_pinned(gate.closure()));
  CHECK(pool.get_task_loads_for_each_worker() == Loads{2, 1, 1});
  gate.wait_for(4);
  tasks.push_back(pool.spawn_pinned_by_idx(gate.closure(), 1));
  tasks.push_back(pool.spawn_pinned_by_idx(gate.closure(), 1));
  CHECK(pool.get_task_loads_for_each_worker() == Loads{2, 3, 1});
  tasks.push_back(pool.spawn_pinned(gate.closure()));
  CHECK(pool.get_task_loads_for_each_worker() == Loads{2, 3, 2});
  gate.open();
  for (auto& task : tasks) task.join();
  CHECK(pool.get_task_loads_for_each_worker() == Loads{0, 0, 0});
  CHECK(pool.spawn_pinned([] { return std::make_unique<int>(5); }).join() != nullptr);
  int value = 0;
  CHECK(&pool.spawn_pinned([&]() -> int& { return value; }).join() == &value);
}

TEST_CASE_FIXTURE(Limits, "each index is one thread with one runtime, where tasks spawn what never leaves it") {
  const LocalPool pool(4);
  std::set<std::thread::id> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto thread = pool.spawn_pinned_by_idx([] { return std::this_thread::get_id(); }, i).join();
    threads.insert(thread);
    auto again = pool.spawn_pinned_by_idx(
        [thread] {
          const auto shared = std::make_shared<int>(0);
          std::vector<JoinHandle<void>> local;
          for (int n = 0; n < 10; ++n) {
            local.push_back(runtime::spawn_local([shared] {
              runtime::sleep_for(10us);
              ++*shared;
            }));
          }
          for (auto& task : local) task.join();
          CHECK(std::this_thread::get_id() == thread);
          return *shared;
        },
        i);
    CHECK(again.join() == 10);
  }
  CHECK(threads.size() == 4);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
}

TEST_CASE_FIXTURE(Limits, "an exception comes out of join, and the worker goes on; its load is exact") {
  const LocalPool pool(1);
  for (int i = 0; i < 20; ++i) {
    auto task = pool.spawn_pinned([]() -> int { throw std::range_error("pinned"); });
    CHECK_THROWS_WITH_AS(task.join(), "pinned", std::range_error);
    CHECK(pool.get_task_loads_for_each_worker() == Loads{0});
  }
  CHECK(pool.spawn_pinned([] { return 6; }).join() == 6);
}

TEST_CASE_FIXTURE(Limits, "an abort ends a pinned task, parked or never started; its load is exact") {
  const LocalPool pool(1);
  for (int i = 0; i < 50; ++i) {
    std::atomic<bool> parked{false};
    std::atomic<int> unwound{0};
    auto task = pool.spawn_pinned([&] {
      const AtExit at_exit([&] { ++unwound; });
      parked = true;
      wait_for_ever();
    });
    if (i % 2 == 0) CHECK(eventually([&] { return parked.load(); }));
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(unwound == (parked ? 1 : 0));
    CHECK(pool.get_task_loads_for_each_worker() == Loads{0});
  }
}

TEST_CASE_FIXTURE(Limits, "a task whose handle was dropped counts until it ends") {
  const LocalPool pool(1);
  Gate gate;
  { const auto dropped = pool.spawn_pinned(gate.closure()); }
  gate.wait_for(1);
  CHECK(pool.get_task_loads_for_each_worker() == Loads{1});
  gate.open();
  CHECK(eventually([&] { return pool.get_task_loads_for_each_worker() == Loads{0}; }));
}

TEST_CASE_FIXTURE(Limits, "a copy that throws on the way is not counted") {
  struct Throws {
    Throws() = default;
    Throws(const Throws&) { throw std::range_error("copy"); }
    void operator()() const {}
  };
  const LocalPool pool(1);
  const Throws closure;
  CHECK_THROWS_WITH_AS(pool.spawn_pinned(closure), "copy", std::range_error);
  CHECK(pool.get_task_loads_for_each_worker() == Loads{0});
}

TEST_CASE_FIXTURE(Limits, "the end of the pool unwinds what still waits; the handles say cancelled") {
  std::atomic<int> unwound{0}, parked{0};
  std::vector<JoinHandle<void>> tasks;
  std::atomic<bool> closure_ended{false};
  {
    const LocalPool pool(2);
    for (int i = 0; i < 10; ++i) {
      tasks.push_back(pool.spawn_pinned([&] {
        const AtExit at_exit([&] {
          runtime::sleep_for(100us);  // destructors may wait
          ++unwound;
        });
        ++parked;
        wait_for_ever();
      }));
    }
    CHECK(eventually([&] { return parked == 10; }));
    pool.spawn_pinned([&] {
      std::atomic<bool> started{false};
      runtime::spawn_blocking([&closure_ended, &started] {
        started = true;
        std::this_thread::sleep_for(2ms);
        closure_ended = true;
      });
      CHECK(eventually([&] { return started.load(); }));
    }).join();
  }
  CHECK(closure_ended);
  CHECK(unwound == 10);
  for (auto& task : tasks) CHECK_THROWS_AS(task.join(), JoinError);
}

TEST_CASE_FIXTURE(Limits, "many threads ask at once, and none is given a worker that another one has just loaded") {
  const LocalPool pool(4);
  Gate gate;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n) pool.spawn_pinned(gate.closure());
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(pool.get_task_loads_for_each_worker() == Loads{25, 25, 25, 25});
  gate.wait_for(100);
  gate.open();
  CHECK(eventually([&] { return pool.get_task_loads_for_each_worker() == Loads{0, 0, 0, 0}; }));
}

TEST_CASE_FIXTURE(Limits, "workers have the builder's options") {
  const LocalPool pool(2, Builder().name("pinned-work").start_paused(true));
  for (std::size_t i = 0; i < 2; ++i) {
    pool.spawn_pinned_by_idx(
            [] {
              CHECK(Handle::current().name() == "pinned-work");
              const auto start = runtime::time::Clock::now();
              runtime::sleep_for(1h);
              CHECK(runtime::time::Clock::now() == start + 1h);
            },
            i)
        .join();
  }
}

// What is waited for ends only once the sibling has had a turn; were that held up, it would give up in the end.
TEST_CASE_FIXTURE(Limits, "a fiber that makes, joins and destroys a pool does not hold up its siblings") {
  Checked house;
  house.rt.block_on([] {
    std::atomic<int> turns{0}, before{std::numeric_limits<int>::max()};
    std::atomic<bool> has_begun{false};
    const auto await_turn = [&] {
      for (int i = 0; i < 10'000 && turns <= before; ++i) std::this_thread::sleep_for(1ms);
      return turns > before;
    };
    auto sibling = runtime::spawn_local([&] {
      for (;; ++turns) runtime::sleep_for(10us);
    });
    runtime::spawn_local([&] {
      std::atomic<bool> had_turn{false};
      {
        const LocalPool pool(2);
        auto task = pool.spawn_pinned([&] { return await_turn() ? 7 : 0; });
        before = turns.load();
        CHECK(task.join() == 7);
        before = std::numeric_limits<int>::max();
        pool.spawn_pinned([&] {
          runtime::spawn_blocking([&] {
            has_begun = true;
            had_turn = await_turn();
          });
          while (!has_begun) runtime::sleep_for(1ms);  // a pool that ends drops what has not begun
        }).join();
        before = turns.load();
      }
      CHECK(had_turn);
    }).join();
    sibling.abort();
  });
}

TEST_CASE_FIXTURE(Limits, "workers may send work to each other and wait for it") {
  const LocalPool pool(2);
  const int result = pool.spawn_pinned_by_idx(
                             [&pool] {
                               auto there = pool.spawn_pinned_by_idx([] { return 3; }, 1);
                               auto here = pool.spawn_pinned_by_idx([] { return 4; }, 0);
                               return there.join() * here.join();
                             },
                             0)
                         .join();
  CHECK(result == 12);
}

TEST_CASE_FIXTURE(Limits, "no threads, and an index too many, are refused; so is a pool that was moved from") {
  CHECK(code_of([] { LocalPool pool(0); }) == Errc::invalid_argument);
  LocalPool pool(2);
  CHECK(code_of([&] { pool.spawn_pinned_by_idx([] {}, 2); }) == Errc::invalid_argument);
  CHECK(pool.get_task_loads_for_each_worker() == Loads{0, 0});
  LocalPool moved(std::move(pool));
  CHECK(code_of([&] { pool.spawn_pinned([] {}); }) == Errc::shut_down);
  CHECK(moved.spawn_pinned([] { return 1; }).join() == 1);
  pool = LocalPool(1);
  CHECK(pool.num_threads() == 1);
  moved = std::move(pool);
  CHECK(moved.spawn_pinned([] { return 2; }).join() == 2);
}
