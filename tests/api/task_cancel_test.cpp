// Cancelled: how it unwinds a fiber, what may be done meanwhile, and what becomes of it when it is swallowed.

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

/// A task that has been aborted while it waited: f is to see the Cancelled.
template <class F>
auto spawn_aborted(F f) {
  auto task = runtime::spawn_local(std::move(f));
  settle();
  task.abort();
  return task;
}

}  // namespace

TEST_CASE("Cancelled is no std::exception, and unwinds all frames of the task") {
  Checked house;
  std::string unwound;
  house.rt.block_on([&] {
    auto task = spawn_aborted([&] {
      const AtExit outer([&] { unwound += "outer"; });
      try {
        const AtExit inner([&] { unwound += "inner "; });
        wait_for_ever();
      } catch (const std::exception&) {
        unwound += "caught ";
      }
    });
    CHECK_THROWS_AS(task.join(), JoinError);
  });
  CHECK(unwound == "inner outer");
}

TEST_CASE("a swallowed Cancelled comes again at the next wait, and at each after it") {
  Checked house;
  house.rt.block_on([] {
    int times = 0;
    auto task = spawn_aborted([&] {
      const std::array<void (*)(), 6> waits{[] { runtime::sleep_for(0s); },
                                            [] { runtime::yield_now(); },
                                            [] { runtime::this_task::check_cancelled(); },
                                            [] { runtime::spawn_local([] {}).join(); },
                                            [] { runtime::spawn_local([] {}).wait(); },
                                            [] { runtime::offload([] {}); }};
      try {
        wait_for_ever();
      } catch (...) {
        ++times;
      }
      for (const auto wait : waits) {
        try {
          wait();
        } catch (...) {
          ++times;
        }
      }
      CHECK(runtime::this_task::is_cancelled());
    });
    task.wait();
    CHECK(times == 7);
    CHECK_NOTHROW(task.join());  // completion wins
  });
}

TEST_CASE("a body that swallows Cancelled and returns has a value; one that throws something else has that") {
  Checked house;
  house.rt.block_on([] {
    CHECK(spawn_aborted([] {
            try {
              wait_for_ever();
            } catch (...) {
            }
            return 5;
          }).join() == 5);
    auto other = spawn_aborted([] {
      try {
        wait_for_ever();
      } catch (const Cancelled&) {
        throw std::runtime_error("instead");
      }
    });
    CHECK_THROWS_WITH_AS(other.join(), "instead", std::runtime_error);
  });
}

TEST_CASE("waits in destructors during the unwinding park normally") {
  Checked house;
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  house.rt.block_on([&] {
    std::vector<std::string> done;
    char byte = 0;
    auto task = spawn_aborted([&] {
      const AtExit at_exit([&] {
        runtime::yield_now();
        runtime::sleep_for(100us);
        done.push_back("slept");
        CHECK(runtime::spawn_local([] { return 4; }).join() == 4);
        done.push_back("joined");
        CHECK(runtime::offload([] { return 5; }) == 5);
        done.push_back("offloaded");
        CHECK(::runtime_read(pipe_fds[0], &byte, 1) == 1);
        done.push_back("read");
        runtime::this_task::check_cancelled();
        CHECK(runtime::this_task::is_cancelled());
      });
      wait_for_ever();
    });
    runtime::sleep_for(1ms);
    CHECK_FALSE(task.is_finished());
    CHECK(::runtime_write(pipe_fds[1], "w", 1) == 1);
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(done == std::vector<std::string>{"slept", "joined", "offloaded", "read"});
  });
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
}

TEST_CASE("waits in destructors park normally, too, while an ordinary exception unwinds a task that was aborted") {
  Checked house;
  bool slept = false;
  house.rt.block_on([&] {
    std::optional<runtime::AbortHandle> self;
    auto task = runtime::spawn_local([&] {
      const AtExit at_exit([&] {
        runtime::sleep_for(100us);
        slept = true;
      });
      self->abort();
      throw std::runtime_error("ordinary");
    });
    self = task.abort_handle();
    CHECK_THROWS_WITH_AS(task.join(), "ordinary", std::runtime_error);
  });
  CHECK(slept);
}

TEST_CASE("a wait inside a catch (Cancelled&) handler throws again") {
  Checked house;
  house.rt.block_on([] {
    bool waited = false, again = false;
    auto task = spawn_aborted([&] {
      try {
        wait_for_ever();
      } catch (const Cancelled&) {
        try {
          runtime::sleep_for(1us);
          waited = true;
        } catch (const Cancelled&) {
          again = true;
        }
        throw;
      }
    });
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(again);
    CHECK_FALSE(waited);
  });
}

TEST_CASE("the captures of an aborted task may park in their destructors, started or not") {
  Checked house;
  std::vector<int> parked;
  house.rt.block_on([&] {
    const auto make = [&](int number) {
      return Farewell([&parked, number] {
        runtime::sleep_for(100us);
        runtime::yield_now();
        CHECK(runtime::spawn_local([] { return 2; }).join() == 2);
        parked.push_back(number);
      });
    };
    auto started = spawn_aborted([f = make(1)] { wait_for_ever(); });
    CHECK_THROWS_AS(started.join(), JoinError);
    CHECK(parked == std::vector<int>{1});
    auto unstarted = runtime::spawn_local([f = make(2)] {});
    unstarted.abort();
    CHECK_THROWS_AS(unstarted.join(), JoinError);
    CHECK(parked == std::vector<int>{1, 2});
  });
}

TEST_CASE("while the captures of tasks that never started park, the root and the others go on") {
  Checked house;
  house.rt.block_on([&] {
    bool root_went_on = false, first_gone = false, second_waited = false, first_waited = false;
    // The first one destroyed waits for the root, the second for the first.
    auto first = runtime::spawn_local([f = Farewell([&] {
                                         for (int i = 0; i < 1000 && !root_went_on; ++i) runtime::yield_now();
                                         first_waited = root_went_on;
                                         first_gone = true;
                                       })] {});
    auto second = runtime::spawn_local([f = Farewell([&] {
                                          for (int i = 0; i < 1000 && !first_gone; ++i) runtime::yield_now();
                                          second_waited = first_gone;
                                        })] {});
    first.abort();
    second.abort();
    runtime::yield_now();
    root_went_on = true;
    CHECK_THROWS_AS(first.join(), JoinError);
    CHECK_THROWS_AS(second.join(), JoinError);
    CHECK(first_waited);
    CHECK(second_waited);
  });
}

TEST_CASE("is_cancelled tells of the task's own abort only, and check_cancelled throws once it is true") {
  Checked house;
  house.rt.block_on([] {
    bool sibling_cancelled = true, threw = false, parent_cancelled = false;
    auto sibling = runtime::spawn_local([&] {
      for (int i = 0; i < 10; ++i) runtime::yield_now();
      sibling_cancelled = runtime::this_task::is_cancelled();
    });
    auto task = runtime::spawn_local([&] {
      auto child = runtime::spawn_local([&] {
        runtime::yield_now();
        runtime::yield_now();
        return runtime::this_task::is_cancelled();
      });
      try {
        for (;;) {
          runtime::this_task::check_cancelled();
          runtime::sleep_for(1us);
        }
      } catch (const Cancelled&) {
        threw = true;
        parent_cancelled = runtime::this_task::is_cancelled();
      }
      return child;
    });
    settle();
    task.abort();
    auto child = task.join();
    sibling.join();
    CHECK(threw);
    CHECK(parent_cancelled);
    CHECK_FALSE(sibling_cancelled);
    CHECK_FALSE(child.join());  // a child is not aborted with its parent
  });
}

TEST_CASE("cancellation wins over what arrived but was not yet taken") {
  Checked house;
  house.rt.block_on([] {
    bool got = false;
    std::optional<runtime::AbortHandle> abort;
    auto source = runtime::spawn_local([&] {
      runtime::yield_now();  // meanwhile the joiner begins to wait
      // It has its turn after the result has arrived, and before the joiner, who is woken by that, has his.
      runtime::spawn_local([&] { abort->abort(); });
      return 6;
    });
    auto joiner = runtime::spawn_local([&] {
      source.join();
      got = true;
    });
    abort = joiner.abort_handle();
    CHECK_THROWS_AS(joiner.join(), JoinError);
    CHECK_FALSE(got);
    CHECK(source.join() == 6);  // the value stays with its handle
  });
}

TEST_CASE("a cancelled task may spawn, and what it spawned lives on") {
  Checked house;
  house.rt.block_on([] {
    std::optional<JoinHandle<int>> heir;
    auto task = spawn_aborted([&] {
      const AtExit at_exit([&] {
        heir = runtime::spawn_local([] {
          runtime::sleep_for(100us);
          return 3;
        });
      });
      wait_for_ever();
    });
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(heir->join() == 3);
  });
}
