// Loops that are not ours at work: how often they wake, block_on() in between, closes, other runtimes, other threads.

#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

#include "embedding_support.hpp"

using namespace api_test;

TEST_CASE("the loop wakes as often as there is something to do, and no more") {
  Checked house;
  Pair pair;
  PollLoop loop(house.rt);
  auto ticker = house.rt.spawn_local([] {
    for (int i = 0; i < 10; ++i) runtime::sleep_for(3ms);
  });
  auto echo = house.rt.spawn_local([&] {
    char byte;
    while (runtime_read(pair.fds[0], &byte, 1) == 1) {
      if (runtime_write(pair.fds[0], &byte, 1) != 1) break;
    }
  });
  auto client = house.rt.spawn_local([&] {
    char byte = 'a';
    for (int i = 0; i < 10; ++i) {
      CHECK(runtime_write(pair.fds[1], &byte, 1) == 1);
      CHECK(runtime_read(pair.fds[1], &byte, 1) == 1);
    }
    ::shutdown(pair.fds[1], SHUT_WR);
  });
  CHECK(loop.run_until([&] { return ticker.is_finished() && echo.is_finished() && client.is_finished(); }));
  CHECK(loop.in_vain <= 2);  // a timer that fell due while descriptors had woken the loop was taken along
  CHECK(loop.resumes <= 3 + 10 + 11 + 10);  // starts, ticks, reads of the echo, reads of the client
  CHECK_FALSE(is_readable(house.rt.poll_fd(), 20ms));
}

TEST_CASE("a deadline that nobody waits for any more costs one look at most") {
  Checked house;
  PollLoop loop(house.rt);
  auto impatient = house.rt.spawn_local([] {
    for (int i = 0; i < 100; ++i) {
      auto task = runtime::spawn_local([] { runtime::sleep_for(100us); });
      CHECK(task.join_for(20ms));
    }
  });
  CHECK(loop.run_until([&] { return impatient.is_finished(); }));
  while (is_readable(house.rt.poll_fd(), 40ms)) {
    CHECK(house.rt.run_ready() == 0);
    REQUIRE(++loop.in_vain < 1000);
  }
  CHECK(loop.in_vain <= 101);
}

TEST_CASE("block_on() in between goes on with the same tasks, and leaves them to the loop again") {
  Checked house;
  PollLoop loop(house.rt);
  int steps = 0;
  auto task = house.rt.spawn_local([&] {
    for (; steps < 300; ++steps) runtime::yield_now();
  });
  CHECK(house.rt.run_ready() == 1);
  house.rt.block_on([&] {
    while (steps < 2) runtime::yield_now();
  });
  CHECK_FALSE(task.is_finished());
  CHECK(loop.is_readable_now());
  CHECK(loop.run_until([&] { return task.is_finished(); }));

  auto sleeper = house.rt.spawn_local([] { runtime::sleep_for(10ms); });
  house.rt.block_on([] { settle(); });
  CHECK(loop.run_until([&] { return sleeper.is_finished(); }));
  house.rt.block_on([] { runtime::sleep_for(1ms); });
  CHECK_FALSE(loop.is_readable_now());
}

TEST_CASE("poll_fd() may be asked for first inside block_on") {
  Checked house;
  int fd = -1;
  auto task = house.rt.spawn_local([] { runtime::sleep_for(2ms); });
  house.rt.block_on([&] { fd = house.rt.poll_fd(); });
  CHECK(is_readable(fd));
  CHECK(house.rt.run_ready() == 1);
  CHECK(is_readable(fd, 10s));
  CHECK(house.rt.run_ready() == 1);
  CHECK(task.is_finished());
}

TEST_CASE("runtime_close() tells the tasks of the loop, from this thread and from another") {
  Checked house;
  PollLoop loop(house.rt);
  for (const bool on_other_thread : {false, true}) {
    Pair pair;
    auto reader = house.rt.spawn_local([&] {
      char byte;
      return runtime_read(pair.fds[0], &byte, 1) == -1 ? errno : 0;
    });
    CHECK(house.rt.run_ready() == 1);
    CHECK_FALSE(loop.is_readable_now());
    const auto close_it = [&] { CHECK(runtime_close(std::exchange(pair.fds[0], -1)) == 0); };
    if (on_other_thread) {
      std::thread(close_it).join();
    } else {
      close_it();
    }
    CHECK(loop.is_readable_now());
    CHECK(house.rt.run_ready() == 1);
    CHECK(reader.join() == EBADF);
  }
}

TEST_CASE("two runtimes of one thread share one loop") {
  Checked house;
  LocalRuntime second;
  const runtime::CancellationToken token;
  auto waiter = house.rt.spawn_local([&] { token.wait(); });
  auto other = second.spawn_local([&] { token.cancel(); });
  const int first_fd = house.rt.poll_fd();
  const int second_fd = second.poll_fd();
  CHECK(house.rt.run_ready() == 1);
  CHECK_FALSE(is_readable(first_fd));
  CHECK(is_readable(second_fd));
  CHECK(second.run_ready() == 1);  // a task of one wakes a task of the other
  CHECK(is_readable(first_fd));
  CHECK_FALSE(is_readable(second_fd));
  CHECK(house.rt.run_ready() == 1);
  CHECK(waiter.is_finished());
}

TEST_CASE("a fiber of another runtime can be the loop, and only that fiber waits") {
  Checked house;
  house.rt.block_on([] {
    LocalRuntime inner;
    int siblings_steps = 0;
    auto sibling = runtime::spawn_local([&] {
      for (; siblings_steps < 5; ++siblings_steps) runtime::sleep_for(1ms);
    });
    auto task = inner.spawn_local([] {
      runtime::sleep_for(10ms);
      return runtime::spawn_blocking([] { return 7; }).join();
    });
    std::size_t in_vain = 0;
    while (!task.is_finished()) {
      pollfd entry{inner.poll_fd(), POLLIN, 0};
      REQUIRE(runtime_poll(&entry, 1, 10'000) == 1);
      if (inner.run_ready() == 0) ++in_vain;
    }
    CHECK(in_vain <= 1);  // the wake of a closure that was done before its task could wait for it
    CHECK(task.join() == 7);
    sibling.join();
    CHECK(siblings_steps == 5);
  });
}

TEST_CASE("no spawn of other threads is missed while the loop goes to sleep again and again") {
  constexpr int kThreads = 3;
  constexpr int kSpawns = 1000;
  Checked house;
  PollLoop loop(house.rt);
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&ran, handle = house.rt.handle()] {
      for (int i = 0; i < kSpawns; ++i) handle.spawn([&ran] { ++ran; }).join();
    });
  }
  CHECK(loop.run_until([&] { return ran == kThreads * kSpawns; }));
  for (auto& thread : threads) thread.join();
  CHECK(loop.resumes == kThreads * kSpawns);
}

TEST_CASE("tasks that still wait when an embedded runtime goes are unwound") {
  bool unwound = false;
  {
    Checked house;
    PollLoop loop(house.rt);
    house.rt.spawn_local([&] {
      const AtExit note([&] { unwound = true; });
      wait_for_ever();
    });
    CHECK(house.rt.run_ready() == 1);
  }
  CHECK(unwound);
}
