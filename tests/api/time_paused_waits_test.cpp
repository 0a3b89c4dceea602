// What a paused clock means for POSIX-style calls and timeouts, for the end of a runtime, for runtimes inside one another,
// and for a loop around one.

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
namespace time_ = runtime::time;
using Clock = time_::Clock;

namespace {

Builder paused() { return Builder().start_paused(true); }

template <class F>
auto time_of(F f) {
  const auto start = Clock::now();
  f();
  return Clock::now() - start;
}

struct Pair {
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0); }
  ~Pair() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
  int fds[2];
};

}  // namespace

TEST_CASE("POSIX-style sleeps and time-outs are on the runtime's clock") {
  Checked house(paused());
  const Pair pair;
  const timeval limit{30, 0};
  REQUIRE(::setsockopt(pair.fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  house.rt.block_on([&] {
    CHECK(time_of([] { CHECK(::runtime_sleep(3'600) == 0); }) == 1h);
    CHECK(time_of([] { CHECK(::runtime_usleep(1'500) == 0); }) == 1500us);
    const timespec day{86'400, 1};
    CHECK(time_of([&] { CHECK(::runtime_nanosleep(&day, nullptr) == 0); }) == 24h + 1ns);
    pollfd entry{pair.fds[0], POLLIN, 0};
    CHECK(time_of([&] { CHECK(::runtime_poll(&entry, 1, 5'000) == 0); }) == 5s);
    char byte;
    CHECK(time_of([&] {
            CHECK(::runtime_recv(pair.fds[0], &byte, 1, 0) == -1);
            CHECK(errno == EAGAIN);
          }) == 30s);
  });
}

TEST_CASE("the rest of a sleep that was cancelled is on the runtime's clock") {
  Checked house(paused());
  house.rt.block_on([] {
    timespec left{};
    auto sleeper = runtime::spawn_local([&] {
      const timespec hour{3'600, 0};
      CHECK(::runtime_nanosleep(&hour, &left) == -1);
      CHECK(errno == ECANCELED);
    });
    runtime::sleep_for(600s);
    sleeper.abort();
    sleeper.wait();
    CHECK(left.tv_sec == 3'000);
    CHECK(left.tv_nsec == 0);
  });
}

TEST_CASE("a clock that stands does not shorten a wait for another thread's bytes") {
  Checked house(paused());
  const Pair pair;
  std::thread writer([&] {
    std::this_thread::sleep_for(2ms);
    CHECK(::write(pair.fds[1], "w", 1) == 1);
  });
  house.rt.block_on([&] {
    CHECK(time_of([&] {
            char byte;
            CHECK(::runtime_read(pair.fds[0], &byte, 1) == 1);
          }) == 0s);
  });
  writer.join();
}

TEST_CASE("the end of a runtime drives a paused clock: what destructors wait for takes no time") {
  Limits limits;
  bool unwound = false;
  LocalRuntime rt = paused().build_local();
  rt.block_on([&] {
    runtime::spawn_local([&] {
      const AtExit at_exit([&] {
        CHECK(time_of([] { runtime::sleep_for(std::chrono::hours(1'000)); }) == std::chrono::hours(1'000));
        unwound = true;
      });
      wait_for_ever();
    });
    settle();
  });
  const auto report = rt.shutdown_timeout(10s);
  CHECK(report.tasks_cancelled == 1);
  CHECK(report.tasks_left_parked == 0);
  CHECK(unwound);
}

TEST_CASE("a runtime with a paused clock inside one in real time, and the other way round") {
  Checked real;
  real.rt.block_on([] {
    LocalRuntime inner = paused().build_local();
    auto hosts = runtime::spawn_local([&] {
      inner.block_on([] {
        CHECK(time_of([] { runtime::sleep_for(1h); }) == 1h);
        runtime::offload([] { std::this_thread::sleep_for(1ms); });
      });
    });
    hosts.join();
  });
  Checked house(paused());
  house.rt.block_on([] {
    const auto start = Clock::now();
    auto hosts = runtime::spawn_local([start] {
      const auto real_time = std::chrono::steady_clock::now();
      runtime::run([] {
        CHECK(time_of([] { runtime::sleep_for(3ms); }) >= 3ms);
        runtime::spawn_local([] { runtime::sleep_for(1ms); }).join();
      });
      CHECK(std::chrono::steady_clock::now() - real_time >= 4ms);
      // The inner runtime's time is not the outer one's: to it, that was news from outside.
      CHECK(Clock::now() == start);
    });
    hosts.join();
    auto together = runtime::spawn_local([] { runtime::run([] { runtime::sleep_for(3ms); }); });
    CHECK(time_of([] { runtime::sleep_for(1h); }) == 1h);
    together.join();
  });
}

TEST_CASE("two paused clocks, one inside the other, are moved each by itself") {
  Checked outer(paused());
  outer.rt.block_on([] {
    const auto start = Clock::now();
    std::string order;
    auto sibling = runtime::spawn_local([&] {
      runtime::sleep_for(1s);
      order += 's';
    });
    auto hosts = runtime::spawn_local([&] {
      LocalRuntime inner = paused().build_local();
      inner.block_on([&] {
        runtime::sleep_for(5h);
        time_::advance(1h);
        order += 'i';
      });
      CHECK(Clock::now() - start <= 1s);
      runtime::sleep_until(start + 2s);
      order += 'h';
    });
    sibling.join();
    hosts.join();
    CHECK(order == "ish");
    CHECK(Clock::now() == start + 2s);
  });
}

TEST_CASE("the limit of an inner runtime's shutdown is real time, whatever the outer clock does") {
  static std::atomic<bool> started, release;
  started = release = false;
  Checked outer(paused());
  outer.rt.block_on([] {
    auto hosts = runtime::spawn_local([] {
      LocalRuntime inner = paused().build_local();
      inner.spawn_blocking([] {
        started = true;
        while (!release) std::this_thread::yield();
      });
      while (!started) runtime::yield_now();
      const auto start = std::chrono::steady_clock::now();
      const auto virtual_start = Clock::now();
      const auto report = inner.shutdown_timeout(3ms);
      CHECK(report.blocking_left_running == 1);
      CHECK(std::chrono::steady_clock::now() - start >= 3ms);
      CHECK(Clock::now() == virtual_start);
    });
    hosts.join();
  });
  release = true;
}

TEST_CASE("an inner runtime in real time still has its timers when the outer clock is paused meanwhile") {
  Checked outer;
  outer.rt.block_on([] {
    auto hosts = runtime::spawn_local([] {
      runtime::run([] {
        for (int i = 0; i < 5; ++i) CHECK(time_of([] { runtime::sleep_for(1ms); }) >= 1ms);
      });
    });
    settle();
    time_::pause();
    const auto start = Clock::now();
    hosts.join();
    CHECK(Clock::now() == start);
    time_::resume();
  });
}

TEST_CASE("timeouts are on the runtime's clock") {
  Checked house(paused());
  house.rt.block_on([] {
    CHECK(time_of([] { CHECK_THROWS_AS(runtime::timeout(5s, [] { wait_for_ever(); }), runtime::Elapsed); }) == 5s);
    CHECK(time_of([] {
            CHECK_THROWS_AS(runtime::timeout_at(Clock::now() + 7s, [] { wait_for_ever(); }), runtime::Elapsed);
          }) == 7s);
    CHECK(time_of([] { runtime::timeout(5s, [] { runtime::sleep_for(3s); }); }) == 3s);
    const auto start = Clock::now();
    auto waits = runtime::spawn_local([] { runtime::timeout(1s, [] { runtime::offload([] { std::this_thread::sleep_for(1ms); }); }); });
    waits.join();  // the clock is held, so the closure is in time however long it takes
    CHECK(Clock::now() == start);
  });
}

TEST_CASE("a loop around the runtime sees a paused clock jump in run_ready, as soon as the pool has nothing to do") {
  Checked house(paused());
  const int fd = house.rt.poll_fd();
  const auto is_readable = [fd](int wait) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, wait) == 1;
  };
  std::atomic<bool> release{false};
  int slept = 0;
  auto sleeper = house.rt.spawn_local([&] {
    for (; slept < 3; ++slept) runtime::sleep_for(1h);
    auto closure = runtime::spawn_blocking([&] {
      while (!release) std::this_thread::yield();
    });
    runtime::sleep_for(1h);
    ++slept;
    closure.join();
  });
  for (int passes = 0; slept < 3 && passes < 100; ++passes) {
    CHECK(is_readable(10'000));
    CHECK(house.rt.next_deadline().value_or(0s) == 0s);
    house.rt.run_ready();
  }
  CHECK(slept == 3);
  // Held: nothing to run, and no time to wait for.
  house.rt.run_ready();
  CHECK(slept == 3);
  CHECK_FALSE(house.rt.next_deadline().has_value());
  CHECK_FALSE(is_readable(2));
  release = true;
  for (int passes = 0; !sleeper.is_finished() && passes < 100; ++passes) {
    CHECK(is_readable(10'000));
    house.rt.run_ready();
  }
  CHECK(slept == 4);
  sleeper.join();
}
