// A loop that is not ours around the runtime: when poll_fd() is readable, what one run_ready() does, what next_deadline()
// says. How a whole loop fares is in rt_embedding_loop_test.cpp.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "embedding_support.hpp"

using namespace api_test;

TEST_CASE("without work the descriptor is not readable, and run_ready() makes no resume") {
  Checked house;
  PollLoop loop(house.rt);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(loop.is_readable_now());
    CHECK(house.rt.run_ready() == 0);
  }
  CHECK_FALSE(house.rt.next_deadline());
  CHECK(house.rt.poll_fd() == house.rt.poll_fd());
}

TEST_CASE("a task spawned on the owner thread is work, also one from before poll_fd() was asked for") {
  Checked house;
  auto early = house.rt.spawn_local([] { return 1; });
  PollLoop loop(house.rt);
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 1);
  CHECK(early.is_finished());
  CHECK_FALSE(loop.is_readable_now());
  auto late = house.rt.handle().spawn([] { return 2; });
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 1);
  CHECK(early.join() + late.join() == 3);
  CHECK_FALSE(loop.is_readable_now());
}

TEST_CASE("run_ready() works without poll_fd()") {
  Checked house;
  auto task = house.rt.spawn_local([] { runtime::yield_now(); });
  CHECK(house.rt.run_ready() == 1);
  CHECK(house.rt.run_ready() == 1);
  CHECK(task.is_finished());
}

TEST_CASE("another thread's spawn and its wake are work") {
  Checked house;
  PollLoop loop(house.rt);
  const runtime::CancellationToken token;
  auto waiter = house.rt.spawn_local([&] { token.wait(); });
  CHECK(house.rt.run_ready() == 1);
  CHECK_FALSE(loop.is_readable_now());
  std::thread([&] { token.cancel(); }).join();
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 1);
  CHECK(waiter.is_finished());
  CHECK_FALSE(loop.is_readable_now());

  std::atomic<int> ran{0};
  std::thread([&, handle = house.rt.handle()] {
    for (int i = 0; i < 3; ++i) handle.spawn([&] { ++ran; });
  }).join();
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 3);
  CHECK(ran == 3);
  CHECK_FALSE(loop.is_readable_now());
}

TEST_CASE("what the owner thread does outside run_ready() wakes, too") {
  Checked house;
  PollLoop loop(house.rt);
  const runtime::CancellationToken token;
  auto waiter = house.rt.spawn_local([&] { token.wait(); });
  auto aborted = house.rt.spawn_local([] { wait_for_ever(); });
  CHECK(house.rt.run_ready() == 2);
  CHECK_FALSE(loop.is_readable_now());
  token.cancel();
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 1);
  CHECK(waiter.is_finished());
  CHECK_FALSE(loop.is_readable_now());
  aborted.abort();
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 1);
  CHECK(aborted.is_finished());
  CHECK_FALSE(loop.is_readable_now());
}

TEST_CASE("a timer makes the descriptor readable when it is due, and next_deadline() says when") {
  Checked house;
  PollLoop loop(house.rt);
  const auto begin = std::chrono::steady_clock::now();
  auto sleeper = house.rt.spawn_local([] {
    runtime::sleep_for(30ms);
    return std::chrono::steady_clock::now();
  });
  CHECK_FALSE(house.rt.next_deadline());  // it has not run yet
  CHECK(house.rt.run_ready() == 1);
  const auto left = house.rt.next_deadline();
  REQUIRE(left);
  CHECK(*left <= 30ms);
  CHECK(loop.run_until([&] { return sleeper.is_finished(); }));
  CHECK(sleeper.join() - begin >= 30ms);
  CHECK(loop.passes == 1);
  CHECK_FALSE(house.rt.next_deadline());
  CHECK_FALSE(loop.is_readable_now());
}

TEST_CASE("an overdue timer is zero away, and readable all the same") {
  Checked house;
  PollLoop loop(house.rt);
  auto sleeper = house.rt.spawn_local([] { runtime::sleep_for(1ms); });
  CHECK(house.rt.run_ready() == 1);
  std::this_thread::sleep_for(5ms);
  CHECK(house.rt.next_deadline() == 0ns);
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 1);
  CHECK(sleeper.is_finished());
}

TEST_CASE("a descriptor that a task waits for is work when it is ready") {
  Checked house;
  Pair pair;
  PollLoop loop(house.rt);
  auto reader = house.rt.spawn_local([&] {
    char byte = 0;
    return runtime_read(pair.fds[0], &byte, 1) == 1 ? byte : '?';
  });
  CHECK(house.rt.run_ready() == 1);
  CHECK_FALSE(loop.is_readable_now());
  CHECK(::write(pair.fds[1], "x", 1) == 1);
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 1);
  CHECK(reader.join() == 'x');
  CHECK_FALSE(loop.is_readable_now());
}

TEST_CASE("a blocking closure's result and an offload wake the loop") {
  Checked house;
  PollLoop loop(house.rt);
  auto task = house.rt.spawn_local([] {
    const int one = runtime::offload([] { return 1; });
    return one + runtime::spawn_blocking([] { return 2; }).join();
  });
  CHECK(loop.run_until([&] { return task.is_finished(); }));
  CHECK(task.join() == 3);
}

TEST_CASE("yielders are left for the next call, which the descriptor announces") {
  Checked house;
  PollLoop loop(house.rt);
  std::vector<int> order;
  std::vector<JoinHandle<void>> tasks;
  for (int i = 0; i < 2; ++i) {
    tasks.push_back(house.rt.spawn_local([&order, i] {
      for (int step = 0; step < 2; ++step) {
        order.push_back(i);
        runtime::yield_now();
      }
    }));
  }
  for (int pass = 0; pass < 3; ++pass) {
    CHECK(loop.is_readable_now());
    CHECK(house.rt.run_ready() == 2);
  }
  CHECK(order == std::vector{0, 1, 0, 1});
  CHECK_FALSE(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 0);
}

TEST_CASE("what becomes ready during a call waits for the next one") {
  Checked house;
  PollLoop loop(house.rt);
  const runtime::CancellationToken token;
  auto woken = house.rt.spawn_local([&] { token.wait(); });
  CHECK(house.rt.run_ready() == 1);
  auto parent = house.rt.spawn_local([&] {
    token.cancel();
    runtime::spawn_local([] {});
  });
  CHECK(house.rt.run_ready() == 1);
  CHECK(parent.is_finished());
  CHECK_FALSE(woken.is_finished());
  CHECK(loop.is_readable_now());
  CHECK(house.rt.run_ready() == 2);
  CHECK_FALSE(loop.is_readable_now());
}

TEST_CASE("what the driver wakes goes before those who gave way in the last call") {
  Checked house;
  Pair pair;
  std::vector<char> order;
  auto reader = house.rt.spawn_local([&] {
    char byte;
    CHECK(runtime_read(pair.fds[0], &byte, 1) == 1);
    order.push_back('r');
  });
  auto yielder = house.rt.spawn_local([&] {
    runtime::yield_now();
    order.push_back('y');
  });
  CHECK(house.rt.run_ready() == 2);
  CHECK(::write(pair.fds[1], "x", 1) == 1);
  CHECK(house.rt.run_ready() == 2);
  CHECK(std::string(order.begin(), order.end()) == "ry");
}

TEST_CASE("the descriptor moves with the runtime") {
  Checked house;
  const int fd = house.rt.poll_fd();
  LocalRuntime moved(std::move(house.rt));
  CHECK(moved.poll_fd() == fd);
  CHECK(code_of([&] { house.rt.poll_fd(); }) == Errc::shut_down);
  CHECK(code_of([&] { house.rt.run_ready(); }) == Errc::shut_down);
  auto task = moved.spawn_local([] {});
  CHECK(is_readable(fd));
  CHECK(moved.run_ready() == 1);
  house.rt = std::move(moved);
}

TEST_CASE("misuse: another thread, inside the runtime, after shutdown") {
  Checked house;
  LocalRuntime& rt = house.rt;
  std::thread([&] {
    CHECK(code_of([&] { rt.poll_fd(); }) == Errc::wrong_thread);
    CHECK(code_of([&] { rt.next_deadline(); }) == Errc::wrong_thread);
    CHECK(code_of([&] { rt.run_ready(); }) == Errc::wrong_thread);
  }).join();
  auto task = rt.spawn_local([&] { return code_of([&] { rt.run_ready(); }); });
  CHECK(rt.run_ready() == 1);
  CHECK(task.join() == Errc::nested_block_on);
  rt.block_on([&] { CHECK(code_of([&] { rt.run_ready(); }) == Errc::nested_block_on); });
  CHECK(rt.run_ready() == 0);
  rt.shutdown_background();
  CHECK(code_of([&] { rt.poll_fd(); }) == Errc::shut_down);
  CHECK(code_of([&] { rt.next_deadline(); }) == Errc::shut_down);
  CHECK(code_of([&] { rt.run_ready(); }) == Errc::shut_down);
}
