// enable_time(false) and enable_io(false): C++ waits refuse, POSIX-style calls wait as ever.

#include <poll.h>

#include "support.hpp"

using namespace api_test;
namespace time_ = runtime::time;

namespace {

template <class F>
void in_root_and_task(LocalRuntime& rt, F f) {
  rt.block_on(f);
  rt.block_on([&] { runtime::spawn_local(f).join(); });
}

}  // namespace

TEST_CASE("without timers every C++ wait with a limit says time_disabled, and changes nothing") {
  Checked house(Builder().enable_time(false));
  in_root_and_task(house.rt, [] {
    CHECK(code_of([] { runtime::sleep_for(1ms); }) == Errc::time_disabled);
    CHECK(code_of([] { runtime::sleep_for(0s); }) == Errc::time_disabled);
    CHECK(code_of([] { runtime::sleep_for(-1s); }) == Errc::invalid_argument);
    CHECK(code_of([] { runtime::sleep_until(time_::Clock::now() + 1ms); }) == Errc::time_disabled);
    CHECK(code_of([] { runtime::sleep_until(std::chrono::steady_clock::now() + 1ms); }) == Errc::time_disabled);
    CHECK(code_of([] { runtime::sleep_until(std::chrono::system_clock::now() + 1ms); }) == Errc::time_disabled);
    CHECK(code_of([] { runtime::timeout(1ms, [] {}); }) == Errc::time_disabled);
    CHECK(code_of([] { time_::interval(1ms); }) == Errc::time_disabled);
    CHECK(code_of([] { time_::interval_at(time_::Clock::now(), 1ms); }) == Errc::time_disabled);
    auto task = runtime::spawn_local([] {
      runtime::yield_now();
      return 3;
    });
    CHECK(code_of([&] { static_cast<void>(task.join_for(1s)); }) == Errc::time_disabled);
    CHECK(task.join() == 3);
  });
}

TEST_CASE("without timers the waits of other threads, the other waits, and the clock are as ever") {
  Checked house(Builder().enable_time(false).start_paused(true));
  house.rt.block_on([] {
    CHECK(runtime::offload([] {
      runtime::sleep_for(100us);
      return 1;
    }) == 1);
    const auto now = time_::Clock::now();
    time_::advance(1s);
    CHECK(time_::Clock::now() == now + 1s);
  });
  runtime::sleep_for(100us);
}

TEST_CASE("a runtime with timers may be used inside one without") {
  Checked house(Builder().enable_time(false));
  house.rt.block_on([] {
    runtime::run([] {
      const auto start = std::chrono::steady_clock::now();
      runtime::sleep_for(1ms);
      CHECK(std::chrono::steady_clock::now() - start >= 1ms);
    });
    CHECK(code_of([] { runtime::sleep_for(1ms); }) == Errc::time_disabled);
  });
}

TEST_CASE("POSIX-style calls have no such error: they wait as ever") {
  Checked house(Builder().enable_time(false).enable_io(false));
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  in_root_and_task(house.rt, [&] {
    const auto start = std::chrono::steady_clock::now();
    CHECK(::runtime_usleep(1'000) == 0);
    CHECK(std::chrono::steady_clock::now() - start >= 1ms);
    pollfd entry{fds[0], POLLIN, 0};
    CHECK(::runtime_poll(&entry, 1, 1) == 0);
    auto writer = runtime::spawn_local([&] { CHECK(::runtime_write(fds[1], "w", 1) == 1); });
    char byte = 0;
    CHECK(::runtime_read(fds[0], &byte, 1) == 1);
    CHECK(byte == 'w');
    writer.join();
  });
  ::close(fds[0]);
  ::close(fds[1]);
}
