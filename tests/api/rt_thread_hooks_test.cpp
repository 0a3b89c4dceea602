// Hooks of threads: those of the pool, and the owner thread around its sleep.

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

std::string name_of_this_thread() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

}  // namespace

TEST_CASE("start and stop are called on each pool thread, and never on the owner thread") {
  const auto owner = std::this_thread::get_id();
  std::mutex mutex;
  std::vector<std::thread::id> started, stopped;
  {
    Checked house(Builder()
                      .max_blocking_threads(2)
                      .on_thread_start([&] {
                        const std::lock_guard lock(mutex);
                        started.push_back(std::this_thread::get_id());
                      })
                      .on_thread_stop([&] {
                        const std::lock_guard lock(mutex);
                        stopped.push_back(std::this_thread::get_id());
                      }));
    house.rt.block_on([&] {
      runtime::spawn_local([] {}).join();
      CHECK(started.empty());  // nobody else is there yet
      std::atomic<int> inside{0};
      const auto meet = [&] {
        ++inside;
        CHECK(eventually([&] { return inside == 2; }));
      };
      auto one = runtime::spawn_blocking(meet);
      auto two = runtime::spawn_blocking(meet);
      one.join();
      two.join();
    });
    const std::lock_guard lock(mutex);
    CHECK(started.size() == 2);
    CHECK(stopped.empty());
  }
  CHECK(std::set(started.begin(), started.end()) == std::set(stopped.begin(), stopped.end()));
  CHECK(stopped.size() == 2);  // before the runtime was destroyed
  CHECK(std::count(started.begin(), started.end(), owner) == 0);
}

TEST_CASE("an idle pool thread stops, and is told of, while the runtime lives") {
  std::atomic<int> started{0}, stopped{0};
  Checked house(Builder().thread_keep_alive(1ms).on_thread_start([&] { ++started; }).on_thread_stop([&] { ++stopped; }));
  for (int round = 1; round <= 2; ++round) {
    house.rt.block_on([] { runtime::spawn_blocking([] {}).join(); });
    CHECK(eventually([&] { return stopped == round; }));
    CHECK(started == round);
    CHECK(house.rt.metrics().num_blocking_threads() == 0);
  }
}

TEST_CASE("the hooks of pool threads run inside the runtime's context") {
  std::atomic<std::uint64_t> at_start{0}, at_stop{0};
  std::uint64_t id = 0;
  {
    Checked house(Builder()
                      .on_thread_start([&] { at_start = Handle::current().id().value(); })
                      .on_thread_stop([&] { at_stop = Handle::current().id().value(); }));
    id = house.rt.handle().id().value();
    house.rt.block_on([] { runtime::spawn_blocking([] {}).join(); });
  }
  CHECK(at_start == id);
  CHECK(at_stop == id);
}

TEST_CASE("thread_name_fn names each pool thread once; of two setters the later counts") {
  std::atomic<int> calls{0};
  Builder builder;
  builder.max_blocking_threads(2).thread_name("by hand").thread_name_fn(
      [&] { return "worker number " + std::to_string(++calls); });
  {
    Checked house(builder);
    std::string one, two;
    house.rt.block_on([&] {
      std::atomic<int> inside{0};
      const auto note = [&](std::string& name) {
        name = name_of_this_thread();
        ++inside;
        CHECK(eventually([&] { return inside == 2; }));
      };
      auto first = runtime::spawn_blocking([&] { note(one); });
      auto second = runtime::spawn_blocking([&] { note(two); });
      first.join();
      second.join();
      for (int i = 0; i < 10; ++i) runtime::spawn_blocking([] {}).join();
    });
    CHECK(std::set{one, two} == std::set<std::string>{"worker number 1", "worker number 2"});
    CHECK(calls == 2);
  }
  Checked house(builder.thread_name("by hand"));
  CHECK(house.rt.spawn_blocking(name_of_this_thread).join() == "by hand");
  CHECK(calls == 2);
}

TEST_CASE("a long name is cut, as the kernel wants it") {
  Checked house(Builder().thread_name_fn([] { return std::string("abcdefghijklmnopqrstuvwxyz"); }));
  CHECK(house.rt.spawn_blocking(name_of_this_thread).join() == "abcdefghijklmno");
}

TEST_CASE("park and unpark come in pairs around each sleep, on the owner thread") {
  const auto owner = std::this_thread::get_id();
  std::vector<char> log;
  Checked house(Builder()
                    .on_thread_park([&] {
                      CHECK(std::this_thread::get_id() == owner);
                      CHECK(Handle::current().name() == "house");
                      log.push_back('p');
                    })
                    .on_thread_unpark([&] { log.push_back('u'); })
                    .name("house"));
  house.rt.block_on([&] {
    runtime::spawn_local([] { runtime::yield_now(); }).join();
    CHECK(log.empty());  // never idle
    for (int i = 0; i < 3; ++i) runtime::sleep_for(200us);
  });
  REQUIRE(log.size() >= 6);
  REQUIRE(log.size() % 2 == 0);
  for (std::size_t i = 0; i < log.size(); ++i) CHECK(log[i] == (i % 2 == 0 ? 'p' : 'u'));
}

TEST_CASE("a park hook that spawns keeps the thread awake") {
  int parks = 0;
  std::optional<std::uint64_t> sleeps_before_it_ran;
  std::optional<Handle> handle;
  std::optional<runtime::AbortHandle> root_waits_for;
  Checked house(Builder().on_thread_park([&] {
    if (++parks > 1) return;
    handle->spawn_local([&] {
      sleeps_before_it_ran = handle->metrics().worker_park_count();
      root_waits_for->abort();
    });
  }));
  handle = house.rt.handle();
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([] { wait_for_ever(); });
    root_waits_for = task.abort_handle();
    task.wait();
  });
  CHECK(parks == 1);
  CHECK(sleeps_before_it_ran == 0);
}

TEST_CASE("a park hook that wakes the root, or a task, keeps the thread awake") {
  // Without the wake the sleep below would last a day, and the limit of the test would end it.
  for (const bool root_waits : {true, false}) {
    CAPTURE(root_waits);
    std::optional<runtime::AbortHandle> waiting;
    int parks = 0;
    Checked house(Builder().on_thread_park([&] {
      ++parks;
      if (waiting) waiting->abort();
    }));
    house.rt.block_on([&] {
      auto task = runtime::spawn_local([] { wait_for_ever(); });
      waiting = task.abort_handle();
      if (root_waits) {
        task.wait();
      } else {
        runtime::spawn_local([&] { task.wait(); }).join();
      }
      CHECK(task.is_finished());
      CHECK(parks == 1);
      CHECK(house.rt.metrics().worker_park_count() == 0);
    });
  }
}

TEST_CASE("a runtime that sleeps inside a fiber of another one calls its park hooks, too") {
  int parks = 0, unparks = 0;
  Checked house;
  house.rt.block_on([&] {
    runtime::spawn_local([&] {
      LocalRuntime inner = Builder().on_thread_park([&] { ++parks; }).on_thread_unpark([&] { ++unparks; }).build_local();
      inner.block_on([] { runtime::sleep_for(200us); });
    }).join();
  });
  CHECK(parks >= 1);
  CHECK(parks == unparks);
}
