// A runtime built, used and destroyed inside a fiber of another one: that fiber waits, its siblings go on.

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

/// Runs f as a task of a runtime, beside a sibling that counts its own turns for f to look at.
template <class F>
void beside_a_sibling(F f) {
  Checked outer;
  outer.rt.block_on([&] {
    int turns = 0;
    auto sibling = runtime::spawn_local([&] {
      for (;; ++turns) runtime::sleep_for(10us);
    });
    runtime::spawn_local([&] { f(turns); }).join();
    f(turns);  // and in the root
    CHECK(outer.rt.metrics().num_alive_tasks() == 1);
    sibling.abort();
  });
}

}  // namespace

TEST_CASE("the inner runtime's waits park the outer fiber only") {
  beside_a_sibling([](const int& turns) {
    const auto outer_id = Handle::current().id();
    const int before = turns;
    const int result = runtime::run([&] {
      CHECK(Handle::current().id() != outer_id);
      runtime::sleep_for(2ms);
      CHECK(turns > before);
      auto task = runtime::spawn_local([] {
        runtime::sleep_for(1ms);
        return 4;
      });
      return task.join();
    });
    CHECK(result == 4);
    CHECK(Handle::current().id() == outer_id);
  });
}

TEST_CASE("the inner runtime is woken by its descriptors, its pool and other threads") {
  beside_a_sibling([](const int&) {
    int fds[2];
    CHECK(::pipe(fds) == 0);
    runtime::run([&] {
      auto reader = runtime::spawn_local([&] {
        char byte = 0;
        CHECK(::runtime_read(fds[0], &byte, 1) == 1);
        return byte;
      });
      settle();
      std::thread writer([&] { CHECK(::write(fds[1], "n", 1) == 1); });
      CHECK(reader.join() == 'n');
      writer.join();
      CHECK(runtime::offload([] { return 3; }) == 3);
      CHECK(runtime::spawn_blocking([] { return runtime::spawn([] { return 2; }).join(); }).join() == 2);
      const Handle handle = Handle::current();
      std::atomic<int> done{0};
      std::thread spawner([&] {
        CHECK(handle.block_on([] { return 9; }) == 9);
        ++done;
      });
      CHECK(eventually([&] { return done == 1; }));
      spawner.join();
    });
    ::close(fds[0]);
    ::close(fds[1]);
  });
}

TEST_CASE("a task of the outer runtime may wake one of the inner runtime, and the other way round") {
  Checked outer;
  outer.rt.block_on([] {
    std::optional<JoinHandle<int>> inner_task;
    std::optional<JoinHandle<int>> outer_task;
    bool inner_aborted = false;
    auto hosts = runtime::spawn_local([&] {
      LocalRuntime inner;
      inner.block_on([&] {
        inner_task = runtime::spawn_local([]() -> int {
          wait_for_ever();
          return 0;
        });
        auto joins_outer = runtime::spawn_local([&] { return outer_task->join(); });
        CHECK(joins_outer.join() == 5);
        CHECK_THROWS_AS(inner_task->join(), JoinError);
        inner_aborted = true;
      });
    });
    outer_task = runtime::spawn_local([] {
      runtime::sleep_for(1ms);
      return 5;
    });
    auto aborts = runtime::spawn_local([&] {
      runtime::sleep_for(2ms);
      inner_task->abort();
    });
    aborts.join();
    hosts.join();
    CHECK(inner_aborted);
  });
}

TEST_CASE("a fiber of the outer runtime may join a task of the inner one, which another fiber drives") {
  Checked outer;
  outer.rt.block_on([] {
    std::optional<JoinHandle<int>> inner_task;
    bool release = false;
    auto hosts = runtime::spawn_local([&] {
      runtime::run([&] {
        inner_task = runtime::spawn_local([] {
          runtime::sleep_for(1ms);
          return 6;
        });
        while (!release) runtime::sleep_for(100us);
      });
    });
    CHECK(eventually([&] { return inner_task.has_value(); }));
    auto joins = runtime::spawn_local([&] { return inner_task->join(); });
    CHECK(joins.join() == 6);
    release = true;
    hosts.join();
  });
}

TEST_CASE("exceptions cross from the inner runtime to the outer one") {
  beside_a_sibling([](const int&) {
    CHECK_THROWS_WITH_AS(runtime::run([] { runtime::spawn_local([] { throw std::range_error("inner"); }).join(); }), "inner",
                         std::range_error);
  });
}

TEST_CASE("the inner runtime's end parks the outer fiber while tasks unwind") {
  beside_a_sibling([](const int& turns) {
    const int before = turns;
    bool unwound = false;
    {
      LocalRuntime inner;
      inner.block_on([&] {
        runtime::spawn_local([&] {
          const AtExit at_exit([&] {
            runtime::sleep_for(2ms);
            unwound = true;
          });
          wait_for_ever();
        });
        settle();
      });
    }
    CHECK(unwound);
    CHECK(turns > before);
  });
}

TEST_CASE("the inner runtime's end parks the outer fiber while a blocking closure runs") {
  Checked outer;
  outer.rt.block_on([] {
    std::atomic<bool> started{false}, release{false};
    bool released_in_time = false;
    auto hosts = runtime::spawn_local([&] {
      LocalRuntime inner;
      auto task = inner.spawn_blocking([&] {
        started = true;
        const auto end = std::chrono::steady_clock::now() + 2s;
        while (!release && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        released_in_time = release;
      });
      CHECK(eventually([&] { return started.load(); }));
    });
    CHECK(eventually([&] { return started.load(); }));
    auto releases = runtime::spawn_local([&] { release = true; });
    hosts.join();
    releases.join();
    CHECK(released_in_time);
  });
}

TEST_CASE("shutdown_timeout of the inner runtime parks the outer fiber up to its limit") {
  Checked outer;
  outer.rt.block_on([] {
    static std::atomic<bool> started, release;
    started = release = false;
    int turns = 0;
    auto sibling = runtime::spawn_local([&] {
      for (;; ++turns) runtime::sleep_for(10us);
    });
    runtime::spawn_local([&] {
      LocalRuntime inner;
      inner.spawn_blocking([] {
        started = true;
        while (!release) std::this_thread::yield();
      });
      CHECK(eventually([] { return started.load(); }));
      const int before = turns;
      const auto report = inner.shutdown_timeout(5ms);
      CHECK(report.blocking_left_running == 1);
      CHECK(turns > before);
    }).join();
    release = true;
    sibling.abort();
  });
}

TEST_CASE("runtimes nest three deep, and each fiber of the outer one may have its own") {
  Checked outer;
  outer.rt.block_on([] {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 8; ++i) {
      tasks.push_back(runtime::spawn_local([i] {
        return runtime::run([i] {
          return runtime::spawn_local([i] {
                   return runtime::run([i] {
                     runtime::sleep_for(100us);
                     return runtime::spawn_local([i] { return i; }).join();
                   });
                 }).join();
        });
      }));
    }
    for (int i = 0; i < 8; ++i) CHECK(tasks[static_cast<std::size_t>(i)].join() == i);
  });
}

TEST_CASE("the outer runtime's block_on is still refused inside the inner one") {
  Checked outer;
  outer.rt.block_on([&] {
    runtime::run([&] {
      CHECK(code_of([&] { outer.rt.block_on([] {}); }) == Errc::nested_block_on);
      CHECK(code_of([&] { outer.rt.shutdown_background(); }) == Errc::nested_block_on);
      runtime::spawn_local([&] { CHECK(code_of([&] { outer.rt.block_on([] {}); }) == Errc::nested_block_on); }).join();
    });
  });
}

TEST_CASE("a runtime may be used by several fibers of another one, one after the other") {
  Checked outer;
  LocalRuntime inner;
  outer.rt.block_on([&] {
    auto first = runtime::spawn_local([&] {
      return inner.block_on([] {
        runtime::sleep_for(1ms);
        return 1;
      });
    });
    settle();
    auto second = runtime::spawn_local([&] { CHECK(code_of([&] { inner.block_on([] {}); }) == Errc::nested_block_on); });
    second.join();
    CHECK(first.join() == 1);
    CHECK(runtime::spawn_local([&] { return inner.block_on([] { return 2; }); }).join() == 2);
  });
}

TEST_CASE("a runtime on a pool thread of another one is that thread's own") {
  Checked outer;
  outer.rt.block_on([] {
    CHECK(runtime::spawn_blocking([] {
            return runtime::run([] {
              runtime::sleep_for(100us);
              return runtime::spawn_local([] { return 7; }).join();
            });
          }).join() == 7);
    CHECK(runtime::offload([] { return runtime::run([] { return runtime::spawn_local([] { return 8; }).join(); }); }) == 8);
  });
}
