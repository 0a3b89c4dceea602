// spawn_blocking and its pool: where closures run, how many threads there are, and for how long.

#include <pthread.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "join_set_support.hpp"
#include "support.hpp"
#include "support/one_processor.hpp"

using namespace api_test;

namespace {

std::string name_of_this_thread() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

/// So many closures that all run at the same time, or it fails.
bool run_at_once(int count) {
  std::atomic<int> inside{0};
  std::vector<JoinHandle<bool>> tasks;
  for (int i = 0; i < count; ++i) {
    tasks.push_back(runtime::spawn_blocking([&] {
      ++inside;
      return eventually([&] { return inside >= count; });
    }));
  }
  bool all = true;
  for (auto& task : tasks) all = task.join() && all;
  return all;
}

}  // namespace

TEST_CASE("a blocking closure runs on another thread, as a task without a fiber, inside the runtime") {
  Checked house;
  const auto owner = std::this_thread::get_id();
  house.rt.block_on([&] {
    auto task = runtime::TaskBuilder().name("saw").spawn_blocking([owner] {
      CHECK(std::this_thread::get_id() != owner);
      CHECK(runtime::this_task::try_id().has_value());
      CHECK(runtime::this_task::name() == "saw");
      CHECK(runtime::this_task::stack_high_water() == 0);
      runtime::sleep_for(1us);  // blocks the thread
      runtime::yield_now();
      const auto here = std::this_thread::get_id();
      CHECK(runtime::offload([] { return std::this_thread::get_id(); }) == here);
      return runtime::spawn([] { return std::this_thread::get_id(); }).join();
    });
    const auto id = task.id();
    CHECK(task.join() == owner);
    CHECK(runtime::spawn_blocking([] { return runtime::this_task::id(); }).id() > id);
  });
}

TEST_CASE("values, move-only values, references, nothing and exceptions come back") {
  Checked house;
  int number = 1;
  house.rt.block_on([&] {
    CHECK(runtime::spawn_blocking([] { return std::string(100, 'b'); }).join().size() == 100);
    CHECK(*runtime::spawn_blocking([p = std::make_unique<int>(2)]() mutable { return std::move(p); }).join() == 2);
    CHECK(&runtime::spawn_blocking([&]() -> int& { return number; }).join() == &number);
    runtime::spawn_blocking([&] { number = 2; }).join();
    CHECK(number == 2);
    CHECK_THROWS_WITH_AS(runtime::spawn_blocking([] { throw std::range_error("b"); }).join(), "b", std::range_error);
    CHECK_FALSE(runtime::spawn_blocking([] { runtime::sleep_for(20ms); }).join_for(1ms));
  });
}

TEST_CASE("fibers go on while a closure blocks its thread") {
  Checked house;
  std::atomic<bool> release{false};
  house.rt.block_on([&] {
    auto blocks = runtime::spawn_blocking([&] { return eventually([&] { return release.load(); }); });
    auto goes_on = runtime::spawn_local([&] {
      for (int i = 0; i < 10; ++i) runtime::sleep_for(10us);
      release = true;
    });
    CHECK(blocks.join());
    goes_on.join();
  });
}

TEST_CASE("closures run at the same time, up to the number of threads allowed") {
  Checked house(Builder().max_blocking_threads(4));
  house.rt.block_on([&] {
    CHECK(run_at_once(4));
    std::atomic<int> inside{0}, most{0};
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 30; ++i) {
      tasks.push_back(runtime::spawn_blocking([&] {
        const int now = ++inside;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --inside;
      }));
    }
    for (auto& task : tasks) task.join();
    CHECK(most <= 4);
    CHECK(house.rt.metrics().num_blocking_threads() <= 4);
  });
}

TEST_CASE("with one thread, closures run in the order in which they were spawned") {
  Checked house(Builder().max_blocking_threads(1));
  house.rt.block_on([&] {
    std::vector<int> order, expected;
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 50; ++i) {
      expected.push_back(i);
      tasks.push_back(runtime::spawn_blocking([&order, i] { order.push_back(i); }));
    }
    for (auto& task : tasks) task.join();
    CHECK(order == expected);
  });
}

TEST_CASE("an idle thread is used again instead of a new one") {
  Checked house;
  house.rt.block_on([&] {
    std::set<std::thread::id> threads;
    for (int i = 0; i < 20; ++i) {
      threads.insert(runtime::spawn_blocking([] { return std::this_thread::get_id(); }).join());
      CHECK(eventually([&] { return house.rt.metrics().num_idle_blocking_threads() == 1; }));
    }
    CHECK(threads.size() == 1);
  });
}

TEST_CASE("idle threads leave after the keep-alive, and the pool starts others when it needs them") {
  Checked house(Builder().thread_keep_alive(1ms));
  house.rt.block_on([&] {
    for (int round = 0; round < 3; ++round) {
      CHECK(run_at_once(3));
      CHECK(eventually([&] { return house.rt.metrics().num_blocking_threads() == 0; }));
      CHECK(house.rt.metrics().num_idle_blocking_threads() == 0);
    }
  });
}

TEST_CASE("pool threads have the name that was asked for, as far as the kernel keeps it") {
  {
    Checked house;
    CHECK(house.rt.spawn_blocking(name_of_this_thread).join() == "runtime-pool");
  }
  Checked house(Builder().thread_name("digger-with-a-long-name"));
  CHECK(house.rt.spawn_blocking(name_of_this_thread).join() == "digger-with-a-l");
  CHECK(name_of_this_thread() != "digger-with-a-l");
}

TEST_CASE("pool threads have the stack that was asked for") {
  const auto stack_of_this_thread = [] {
    pthread_attr_t attributes;
    std::size_t size = 0;
    ::pthread_getattr_np(::pthread_self(), &attributes);
    ::pthread_attr_getstacksize(&attributes, &size);
    ::pthread_attr_destroy(&attributes);
    return size;
  };
  // More than the default: the C library gives the stacks of earlier threads again when they are large enough.
  Checked house(Builder().thread_stack_size(48 << 20));
  const std::size_t size = house.rt.spawn_blocking(stack_of_this_thread).join();
  CHECK(size >= 48 << 20);
  CHECK(size < 56 << 20);
}

TEST_CASE("an abort takes a closure out while it is queued, and does nothing once it runs") {
  Checked house(Builder().max_blocking_threads(1));
  std::atomic<bool> started{false}, release{false}, ran{false}, saw_abort{false};
  int destroyed = 0;
  auto first = house.rt.spawn_blocking([&] {
    started = true;
    eventually([&] { return release.load(); });
    saw_abort = runtime::this_task::is_cancelled();
    return 4;
  });
  CHECK(eventually([&] { return started.load(); }));
  auto second = house.rt.spawn_blocking([&ran, f = Farewell([&] { ++destroyed; })] { ran = true; });
  CHECK(house.rt.metrics().blocking_queue_depth() == 1);
  first.abort();
  second.abort();
  release = true;
  CHECK(first.join() == 4);
  CHECK_THROWS_AS(second.join(), JoinError);
  CHECK_FALSE(ran);
  CHECK(destroyed == 1);
  CHECK(saw_abort);
}

TEST_CASE("closures spawned by four threads at once all run") {
  Checked house(Builder().max_blocking_threads(3));
  const Handle handle = house.rt.handle();
  std::atomic<int> ran{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto task = handle.spawn_blocking([&] { ++ran; });
        if (i % 50 == 0) task.join();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(eventually([&] { return ran == 2000; }));
}

TEST_CASE("a large closure and a closure that needs alignment run on the pool as well") {
  Checked house;
  struct alignas(256) Large {
    std::array<unsigned char, 100'000> bytes{};
  };
  auto large = std::make_unique<Large>();
  large->bytes.back() = 9;
  auto task = house.rt.spawn_blocking([copy = *large] {
    return copy.bytes.back() + static_cast<int>(reinterpret_cast<std::uintptr_t>(&copy) % 256);
  });
  CHECK(task.join() == 9);
}

TEST_CASE("blocking closures of a set are joined like tasks; one that has started is not ended by abort_all") {
  Checked house(Builder().max_blocking_threads(1));
  house.rt.block_on([] {
    runtime::JoinSet<int> set;
    std::atomic<bool> started{false}, go{false};
    set.spawn_blocking([&] {
      started = true;
      while (!go) std::this_thread::yield();
      return 1;
    });
    set.spawn_blocking([] { return 2; });  // queued behind it
    CHECK(eventually([&] { return started.load(); }));
    set.abort_all();
    go = true;
    const JoinedRest rest(set);
    CHECK(rest.values == 1);
    CHECK(rest.errors == 1);
  });
}

TEST_CASE("many blocking closures of a set end on many threads while it is joined, or goes") {
  Checked house;
  house.rt.block_on([] {
    for (int round = 0; round < 50; ++round) {
      runtime::JoinSet<int> set;
      for (int i = 0; i < 20; ++i) set.spawn_blocking([i] { return i; });
      std::set<int> results;
      for (int i = 0; i < round % 20; ++i) results.insert(*set.join_next());
      CHECK(results.size() == static_cast<std::size_t>(round % 20));
    }
  });
}

TEST_CASE("on one processor bursts of blocking closures run, also when a task blocks the thread until one has") {
  const test::OneProcessor here;
  Checked house;
  constexpr int kTasks = 300, kRounds = 10;  // more tasks than kLongRow
  std::atomic<int> ran{0};
  house.rt.block_on([&] {
    runtime::scope([&](runtime::Scope& scope) {
      for (int task = 0; task < kTasks; ++task) {
        scope.spawn([&, task] {
          for (int round = 0; round < kRounds; ++round) {
            auto closure = runtime::spawn_blocking([&ran] { return ++ran; });
            // This one does what no task should: nobody is woken because it sleeps.
            if (task == 0) CHECK(eventually([&closure] { return closure.is_finished(); }));
            closure.join();
          }
        });
      }
    });
  });
  CHECK(ran == kTasks * kRounds);
}
