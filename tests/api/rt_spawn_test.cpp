// Spawning: the ways in, what may be spawned, what comes back, and what becomes of the closure.

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

int plain_function() { return 11; }

/// Counts how many of it there are, and how often it was copied.
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) {
    ++alive;
    ++copies;
  }
  Counted(Counted&&) noexcept { ++alive; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  static inline int alive = 0;
  static inline int copies = 0;
};

}  // namespace

TEST_CASE("a spawned task is queued and never run inside the call") {
  Checked house;
  bool ran = false;
  const auto task = [&] { ran = true; };
  house.rt.block_on([&] {
    const Handle handle = Handle::current();
    std::vector<JoinHandle<void>> tasks;
    tasks.push_back(runtime::spawn_local(task));
    tasks.push_back(runtime::spawn(task));
    tasks.push_back(handle.spawn_local(task));
    tasks.push_back(handle.spawn(task));
    tasks.push_back(house.rt.spawn_local(task));
    tasks.push_back(runtime::TaskBuilder().spawn_local(task));
    tasks.push_back(runtime::TaskBuilder().spawn(task));
    CHECK_FALSE(ran);
    for (auto& each : tasks) {
      ran = false;
      each.join();
    }
  });
  CHECK(house.rt.metrics().spawned_tasks_count() == 7);
}

TEST_CASE("a task gives a value, a move-only value, a reference, or nothing") {
  Checked house;
  int number = 1;
  house.rt.block_on([&] {
    CHECK(runtime::spawn_local([] { return std::string(100, 'x'); }).join().size() == 100);
    CHECK(*runtime::spawn_local([] { return std::make_unique<int>(8); }).join() == 8);
    CHECK(&runtime::spawn_local([&]() -> int& { return number; }).join() == &number);
    CHECK(&runtime::spawn([&]() -> const int& { return number; }).join() == &number);
    static_assert(std::is_void_v<decltype(runtime::spawn_local([] {}).join())>);
  });
}

TEST_CASE("what can be invoked can be spawned: functions, move-only closures, what may be called once") {
  Checked house;
  struct Once {
    std::unique_ptr<int> p = std::make_unique<int>(12);
    int operator()() && { return *p; }
  };
  const std::function<int()> wrapped = plain_function;
  house.rt.block_on([&] {
    CHECK(runtime::spawn_local(plain_function).join() == 11);
    CHECK(runtime::spawn_local(&plain_function).join() == 11);
    CHECK(runtime::spawn_local(wrapped).join() == 11);
    CHECK(runtime::spawn_local(Once()).join() == 12);
    CHECK(runtime::spawn([p = std::make_unique<int>(13)] { return *p; }).join() == 13);
    CHECK(runtime::spawn_local([n = 0]() mutable { return ++n; }).join() == 1);
  });
}

TEST_CASE("an rvalue closure is moved, an lvalue one copied once; the task is done with it before it is finished") {
  Checked house;
  house.rt.block_on([] {
    Counted::copies = 0;
    auto moved = runtime::spawn_local([c = Counted()] { static_cast<void>(c); });
    CHECK(Counted::copies == 0);
    CHECK(Counted::alive == 1);
    moved.wait();
    CHECK(Counted::alive == 0);
    const auto closure = [c = Counted()] { static_cast<void>(c); };
    auto copied = runtime::spawn_local(closure);
    CHECK(Counted::copies == 1);
    CHECK(Counted::alive == 2);
    copied.join();
    CHECK(Counted::alive == 1);
  });
  CHECK(Counted::alive == 0);
}

TEST_CASE("a result lives until it is joined, or until the handle goes, and with a detached task not at all") {
  Checked house;
  house.rt.block_on([] {
    {
      auto task = runtime::spawn_local([] { return Counted(); });
      task.wait();
      CHECK(Counted::alive == 1);
    }
    CHECK(Counted::alive == 0);
    runtime::spawn_local([] { return Counted(); });
    settle();
    CHECK(Counted::alive == 0);
    {
      auto task = runtime::spawn_local([] { return Counted(); });
      const Counted taken = task.join();
    }
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("captures are destroyed on the fiber, may park there, and are gone before the task is finished") {
  Checked house;
  bool destroyed = false;
  house.rt.block_on([&] {
    Farewell farewell([&] {
      CHECK(runtime::this_task::name() == "parking");
      runtime::sleep_for(1ms);
      runtime::yield_now();
      destroyed = true;
    });
    auto task = runtime::TaskBuilder().name("parking").spawn_local([f = std::move(farewell)] { return 2; });
    settle();
    CHECK_FALSE(task.is_finished());
    CHECK(task.join() == 2);
    CHECK(destroyed);
  });
}

TEST_CASE("a closure of 1 MiB runs on a stack of 64 KiB, its result too") {
  Checked house(Builder().stack_size(65536));
  struct Huge {
    std::array<unsigned char, 1 << 20> bytes;
  };
  auto source = std::make_unique<Huge>();
  source->bytes.fill(3);
  source->bytes.back() = 7;
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([huge = *source] { return huge.bytes.front() + huge.bytes.back(); });
    CHECK(task.join() == 10);
    auto remote = Handle::current().spawn([huge = *source] { return huge.bytes.back(); });
    CHECK(remote.join() == 7);
    auto big_result = runtime::spawn_local([&source]() -> Huge { return *source; });
    const auto taken = std::make_unique<Huge>(big_result.join());
    CHECK(taken->bytes.back() == 7);
  });
}

TEST_CASE("an overaligned closure or result lies where it has to") {
  Checked house;
  struct alignas(64) Line {
    int value = 1;
  };
  struct alignas(4096) Page {
    int value = 2;
  };
  house.rt.block_on([] {
    const auto misplaced = [](const auto& object) {
      return reinterpret_cast<std::uintptr_t>(&object) % alignof(std::remove_reference_t<decltype(object)>);
    };
    CHECK(runtime::spawn_local([line = Line(), misplaced] { return misplaced(line); }).join() == 0);
    CHECK(runtime::spawn_local([page = Page(), misplaced] { return misplaced(page); }).join() == 0);
    CHECK(Handle::current().spawn([page = Page(), misplaced] { return misplaced(page); }).join() == 0);
    CHECK(runtime::spawn_local([] { return Page(); }).join().value == 2);
  });
}

TEST_CASE("a closure whose copying throws is not spawned, and nothing stays behind") {
  Checked house;
  struct Refuses {
    Refuses() = default;
    Refuses(const Refuses&) { throw std::bad_alloc(); }
    void operator()() const {}
  };
  const Refuses closure;
  house.rt.block_on([&] {
    CHECK_THROWS_AS(runtime::spawn_local(closure), std::bad_alloc);
    CHECK_THROWS_AS(runtime::spawn(closure), std::bad_alloc);
    CHECK_THROWS_AS(runtime::spawn_blocking(closure), std::bad_alloc);
    CHECK_THROWS_AS(runtime::TaskBuilder().name("named").spawn_local(closure), std::bad_alloc);
    CHECK(house.rt.metrics().num_alive_tasks() == 0);
    CHECK(house.rt.metrics().spawned_tasks_count() == 0);
    CHECK(runtime::spawn_local([] { return 1; }).join() == 1);
  });
}

TEST_CASE("ids are unique in the process, known to the task and its handles, compared, hashed and printed") {
  Checked house;
  LocalRuntime other;
  std::set<runtime::TaskId> ids;
  std::unordered_set<runtime::TaskId> hashed;
  for (LocalRuntime* rt : {&house.rt, &other}) {
    rt->block_on([&] {
      for (int i = 0; i < 100; ++i) {
        auto task = runtime::spawn_local([] { return runtime::this_task::id(); });
        const auto id = task.id();
        CHECK(task.abort_handle().id() == id);
        CHECK(task.join() == id);
        CHECK(ids.insert(id).second);
        CHECK(hashed.insert(id).second);
        CHECK(doctest::toString(id).size() > 0);
      }
      auto blocking = runtime::spawn_blocking([] { return runtime::this_task::try_id(); });
      const auto id = blocking.id();
      CHECK(ids.insert(id).second);
      CHECK(blocking.join() == id);
    });
  }
}

TEST_CASE("spawn from another thread moves the closure to the owner thread, which runs and destroys it") {
  Checked house;
  const auto owner = std::this_thread::get_id();
  std::thread::id ran_on, destroyed_on;
  const Handle handle = house.rt.handle();
  std::optional<JoinHandle<int>> task;
  std::thread([&] {
    Farewell farewell([&] { destroyed_on = std::this_thread::get_id(); });
    task = handle.spawn([&ran_on, f = std::move(farewell)] {
      ran_on = std::this_thread::get_id();
      return 5;
    });
    const auto guard = handle.enter();
    runtime::spawn([] {}).abort();
  }).join();
  CHECK(house.rt.metrics().remote_schedule_count() >= 2);
  CHECK(house.rt.block_on([&] { return task->join(); }) == 5);
  CHECK(ran_on == owner);
  CHECK(destroyed_on == owner);
}

TEST_CASE("20,000 spawns from four threads at once lose nothing") {
  Checked house;
  const Handle handle = house.rt.handle();
  constexpr int kThreads = 4, kEach = 5000;
  std::atomic<int> joined{0};
  int ran = 0;  // written by tasks only, all on one thread
  house.rt.block_on([&] {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) {
          auto task = handle.spawn([&ran] { ++ran; });
          if (i % 100 == 0) task.join();
        }
        ++joined;
      });
    }
    CHECK(eventually([&] { return joined == kThreads && ran == kThreads * kEach; }));
    for (auto& thread : threads) thread.join();
  });
  CHECK(house.rt.metrics().spawned_tasks_count() == kThreads * kEach);
}
