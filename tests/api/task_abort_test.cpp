// abort(): when it takes effect and what the join says. What the unwinding itself may do is in task_cancel_test.cpp.

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::AbortHandle;

static_assert(std::is_copy_constructible_v<AbortHandle> && std::is_copy_assignable_v<AbortHandle>);
static_assert(noexcept(std::declval<JoinHandle<int>&>().abort()));

namespace {

/// Aborts a task that waits in `wait`: it is unwound, its join says cancelled, and nothing of it stays.
/// `others`: tasks that it has spawned and that live on.
template <class Wait>
void check_abort_ends(Wait wait, std::uint64_t others = 0) {
  Checked house;
  bool unwound = false, went_on = false;
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      const AtExit note([&] { unwound = true; });
      wait();
      went_on = true;
    });
    settle();
    runtime::sleep_for(100us);  // the kernel's part of the wait has begun as well
    CHECK_FALSE(unwound);
    task.abort();
    CHECK_FALSE(unwound);  // abort runs no code of the task
    CHECK_FALSE(task.is_finished());
    const auto id = task.id();
    try {
      task.join();
      CHECK(false);
    } catch (const JoinError& error) {
      CHECK(error.id() == id);
    }
    CHECK(unwound);
    CHECK_FALSE(went_on);
    CHECK(house.rt.metrics().num_alive_tasks() == others);
    CHECK(house.rt.metrics().stacks_in_use() == others);
  });
}

}  // namespace

TEST_CASE("an abort ends a sleep, of either kind") {
  check_abort_ends([] { runtime::sleep_for(std::chrono::hours(1)); });
  check_abort_ends([] { runtime::sleep_until(std::chrono::steady_clock::now() + std::chrono::hours(1)); });
  check_abort_ends([] { runtime::sleep_until(std::chrono::system_clock::now() + std::chrono::hours(1)); });
}

TEST_CASE("an abort ends a loop of yields and a loop of checks") {
  check_abort_ends([] {
    for (;;) runtime::yield_now();
  });
  check_abort_ends([] {
    for (;;) {
      runtime::sleep_for(1us);
      runtime::this_task::check_cancelled();
    }
  });
}

TEST_CASE("an abort ends a join, a wait and a join_for, and the task waited for goes on") {
  bool release = false;
  int finished = 0;
  const auto slow = [&] {
    return runtime::spawn_local([&] {
      while (!release) runtime::sleep_for(100us);
      ++finished;
    });
  };
  check_abort_ends([&] { slow().join(); }, 1);
  check_abort_ends([&] { slow().wait(); }, 1);
  check_abort_ends([&] { static_cast<void>(slow().join_for(std::chrono::hours(1))); }, 1);
  CHECK(finished == 0);
  Checked house;
  house.rt.block_on([&] {
    auto target = slow();
    auto joins = runtime::spawn_local([&] { target.join(); });
    settle();
    joins.abort();
    CHECK_THROWS_AS(joins.join(), JoinError);
    CHECK_FALSE(target.is_finished());
    release = true;
    target.join();  // the handle stayed valid
    CHECK(finished == 1);
  });
}

TEST_CASE("an abort ends a join of a blocking closure, which goes on") {
  std::atomic<bool> release{false};
  check_abort_ends([&] {
    auto task = runtime::spawn_blocking([&] { return eventually([&] { return release.load(); }); });
    const AtExit at_exit([&] { release = true; });
    task.join();
  });
}

TEST_CASE("a POSIX-style wait that is aborted says ECANCELED, and the next wait throws") {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
  int error = 0;
  check_abort_ends([&] {
    char byte;
    CHECK(::runtime_read(fds[0], &byte, 1) == -1);
    error = errno;
    runtime::yield_now();
  });
  CHECK(error == ECANCELED);
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("a task aborted in offload waits for the closure, and then throws") {
  Checked house;
  std::atomic<bool> started{false}, release{false}, closure_done{false};
  bool went_on = false, done_at_unwinding = false;
  house.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      const AtExit note([&] { done_at_unwinding = closure_done; });
      runtime::offload([&] {
        started = true;
        eventually([&] { return release.load(); });
        closure_done = true;
      });
      went_on = true;
    });
    CHECK(eventually([&] { return started.load(); }));
    task.abort();
    settle();
    CHECK_FALSE(task.is_finished());
    release = true;
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(done_at_unwinding);
    CHECK_FALSE(went_on);
  });
}

TEST_CASE("a task aborted before it started is destroyed without running, and never has a stack") {
  Checked house;
  bool ran = false;
  int destroyed = 0;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 10; ++i) {
      tasks.push_back(runtime::spawn_local([&ran, f = Farewell([&] { ++destroyed; })] { ran = true; }));
    }
    for (auto& task : tasks) {
      task.abort();
      task.abort();
    }
    CHECK(destroyed == 0);
    for (auto& task : tasks) CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(destroyed == 10);
    CHECK_FALSE(ran);
    CHECK(house.rt.metrics().stacks_in_use() == 0);
    CHECK(house.rt.metrics().stacks_pooled() == 0);
    CHECK(house.rt.metrics().num_alive_tasks() == 0);
  });
}

TEST_CASE("an abort of the running task takes effect at its next wait, and completion wins") {
  Checked house;
  house.rt.block_on([] {
    std::optional<AbortHandle> self;
    bool after_abort = false, after_wait = false;
    auto waits = runtime::spawn_local([&] {
      CHECK_FALSE(runtime::this_task::is_cancelled());
      self->abort();
      CHECK(runtime::this_task::is_cancelled());
      after_abort = true;
      runtime::yield_now();
      after_wait = true;
    });
    self = waits.abort_handle();
    CHECK_THROWS_AS(waits.join(), JoinError);
    CHECK(after_abort);
    CHECK_FALSE(after_wait);

    auto completes = runtime::spawn_local([&] {
      self->abort();
      return 3;
    });
    self = completes.abort_handle();
    CHECK(completes.join() == 3);

    auto fails = runtime::spawn_local([&] {
      self->abort();
      throw std::runtime_error("its own");
    });
    self = fails.abort_handle();
    CHECK_THROWS_WITH_AS(fails.join(), "its own", std::runtime_error);
  });
}

TEST_CASE("an abort after the end changes nothing") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] { return 4; });
    const AbortHandle abort = task.abort_handle();
    task.wait();
    task.abort();
    abort.abort();
    CHECK(task.join() == 4);
    CHECK(abort.is_finished());
    abort.abort();
  });
}

TEST_CASE("abort handles are copies of one another, outlive the join handle, and work from any thread") {
  Checked house;
  house.rt.block_on([] {
    bool unwound = false;
    std::optional<AbortHandle> abort;
    {
      auto task = runtime::spawn_local([&] {
        const AtExit note([&] { unwound = true; });
        wait_for_ever();
      });
      abort = task.abort_handle();
      CHECK(abort->id() == task.id());
    }
    settle();
    CHECK_FALSE(abort->is_finished());
    const AbortHandle copy = *abort;
    std::thread([copy] { copy.abort(); }).join();
    CHECK(eventually([&] { return abort->is_finished(); }));
    CHECK(copy.is_finished());
    CHECK(unwound);
  });
}

TEST_CASE("aborts from four threads at once reach every task once") {
  Checked house;
  static constexpr int kTasks = 2000;
  house.rt.block_on([] {
    int gone = 0;
    std::vector<JoinHandle<void>> tasks;
    std::vector<AbortHandle> aborts;
    for (int i = 0; i < kTasks; ++i) {
      // Some of them will not have started.
      tasks.push_back(runtime::spawn_local([i, f = Farewell([&] { ++gone; })] {
        if (i % 2 == 0) wait_for_ever();
        for (;;) runtime::sleep_for(100us);
      }));
      aborts.push_back(tasks.back().abort_handle());
    }
    settle();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&aborts] {
        for (const AbortHandle& abort : aborts) abort.abort();
      });
    }
    for (auto& task : tasks) CHECK_THROWS_AS(task.join(), JoinError);
    for (auto& thread : threads) thread.join();
    CHECK(gone == kTasks);
  });
}
