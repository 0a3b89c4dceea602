// A loop that is not ours around the runtime: poll_fd(), next_deadline() and run_ready() under a hand-written poll loop.

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

bool is_readable(int fd, std::chrono::milliseconds limit = 0ms) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(limit.count())) == 1;
}

/// The loop of the program: sleeps in poll() and calls run_ready() when that says so, never otherwise.
class PollLoop {
 public:
  explicit PollLoop(LocalRuntime& rt) : rt_(rt), fd_(rt.poll_fd()) {}

  /// False when poll() had nothing to say for ten seconds.
  template <class Done>
  bool run_until(Done is_done) {
    while (!is_done()) {
      if (!is_readable(fd_, 10s)) return false;
      const std::size_t made = rt_.run_ready();
      ++passes;
      if (made == 0) ++in_vain;
      resumes += made;
    }
    return true;
  }
  bool is_readable_now() const { return is_readable(fd_); }

  std::size_t passes = 0;
  std::size_t in_vain = 0;  // poll() said that there was work, and there was none
  std::size_t resumes = 0;

 private:
  LocalRuntime& rt_;
  int fd_;
};

/// Both ends of a socket pair, which may be closed by the test before.
struct Pair {
  std::array<int, 2> fds{-1, -1};
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0); }
  ~Pair() {
    for (const int fd : fds) {
      if (fd >= 0) ::close(fd);
    }
  }
};

}  // namespace

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
