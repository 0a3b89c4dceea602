// The paused clock: it stands still, jumps when there is nothing to do, and is moved by hand.

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

}  // namespace

TEST_CASE("a paused clock stands still, however long the code takes") {
  Checked house(paused());
  house.rt.block_on([] {
    const auto now = Clock::now();
    for (int i = 0; i < 1'000; ++i) {
      runtime::yield_now();
      CHECK(Clock::now() == now);
    }
    std::this_thread::sleep_for(1ms);
    CHECK(Clock::now() == now);
  });
}

TEST_CASE("a sleep moves the paused clock by exactly its length, in the root and in a task") {
  Checked house(paused());
  const auto sleeps = [] {
    CHECK(time_of([] { runtime::sleep_for(std::chrono::hours(24 * 365)); }) == std::chrono::hours(24 * 365));
    CHECK(time_of([] { runtime::sleep_for(1ns); }) == 1ns);
    CHECK(time_of([] { runtime::sleep_for(2500us); }) == 2500us);
    CHECK(time_of([] { runtime::sleep_for(0ns); }) == 0ns);
    CHECK(time_of([] { runtime::sleep_until(Clock::now() + 3s); }) == 3s);
    CHECK(time_of([] { runtime::sleep_until(Clock::now() - 3s); }) == 0s);
    CHECK(time_of([] { runtime::sleep_until(Clock::time_point()); }) == 0s);
  };
  house.rt.block_on(sleeps);
  house.rt.block_on([&] { runtime::spawn_local(sleeps).join(); });
}

TEST_CASE("the clock goes from deadline to deadline, and equal ones fire in the order of arming") {
  Checked house(paused());
  house.rt.block_on([] {
    const auto start = Clock::now();
    std::string order;
    std::vector<JoinHandle<void>> tasks;
    for (const auto& [name, after] : {std::pair('f', 70s), {'b', 2s}, {'c', 2s}, {'a', 1s}, {'d', 2s}, {'e', 50s}}) {
      tasks.push_back(runtime::spawn_local([&order, start, name = name, after = after] {
        runtime::sleep_until(start + after);
        CHECK(Clock::now() == start + after);
        order += name;
      }));
    }
    for (auto& task : tasks) task.join();
    CHECK(order == "abcdef");
  });
}

TEST_CASE("the clock does not jump while anybody is runnable") {
  Checked house(paused());
  house.rt.block_on([] {
    bool slept = false;
    auto sleeper = runtime::spawn_local([&] {
      runtime::sleep_for(1s);
      slept = true;
    });
    for (int i = 0; i < 500; ++i) {
      runtime::yield_now();
      CHECK_FALSE(slept);
    }
    sleeper.join();
    CHECK(slept);
  });
}

TEST_CASE("the clock is held while blocking closures run or are queued, and exact on their threads") {
  Checked house(paused().max_blocking_threads(1));
  house.rt.block_on([] {
    const auto start = Clock::now();
    std::atomic<int> ended{0};
    const auto closure = [&] {
      CHECK(Clock::now() == start);
      std::this_thread::sleep_for(3ms);
      CHECK(Clock::now() == start);
      ++ended;
    };
    auto first = runtime::spawn_blocking(closure);
    auto second = runtime::spawn_blocking(closure);  // queued: there is one thread
    auto offloads = runtime::spawn_local([&] { runtime::offload(closure); });
    runtime::sleep_for(5s);
    CHECK(ended == 3);
    CHECK(Clock::now() == start + 5s);
    first.join();
    second.join();
    offloads.join();
  });
}

TEST_CASE("the clock goes on when a closure ends that nobody waits for") {
  Checked house(paused());
  for (int i = 0; i < 50; ++i) {
    house.rt.block_on([i] {
      runtime::spawn_blocking([i] { std::this_thread::sleep_for(std::chrono::microseconds(i * 10)); });
      CHECK(time_of([] { runtime::sleep_for(1h); }) == 1h);
    });
  }
}

TEST_CASE("what a closure wakes comes before the clock jumps") {
  Checked house(paused());
  house.rt.block_on([] {
    for (int i = 0; i < 200; ++i) {
      const auto start = Clock::now();
      auto sleeper = runtime::spawn_local([] { runtime::sleep_for(1s); });
      runtime::offload([] {});
      CHECK(Clock::now() == start);
      sleeper.join();
    }
  });
}

TEST_CASE("news of descriptors come before the clock jumps") {
  Checked house(paused());
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  house.rt.block_on([&] {
    const auto start = Clock::now();
    auto reader = runtime::spawn_local([&] {
      char byte;
      CHECK(::runtime_read(fds[0], &byte, 1) == 1);
      CHECK(Clock::now() == start);
    });
    auto sleeper = runtime::spawn_local([] { runtime::sleep_for(1ns); });
    settle();
    CHECK(::write(fds[1], "n", 1) == 1);
    sleeper.join();
    CHECK(reader.is_finished());
    reader.join();
  });
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("without a deadline a paused runtime sleeps until somebody wakes it") {
  Checked house(paused());
  const Handle handle = house.rt.handle();
  std::optional<std::thread> other;
  house.rt.block_on([&] {
    std::atomic<bool> done{false};
    auto waits = runtime::spawn_local([] { runtime::sleep_for(std::chrono::nanoseconds::max()); });
    other.emplace([&] {
      std::this_thread::sleep_for(1ms);
      CHECK(handle.block_on([] { return 4; }) == 4);
      waits.abort();
      done = true;
    });
    CHECK_THROWS_AS(waits.join(), JoinError);
    while (!done) runtime::sleep_for(1ms);
  });
  other->join();
}

TEST_CASE("advance moves the clock exactly, and those who are due have run when it returns") {
  Checked house(paused());
  house.rt.block_on([] {
    const auto start = Clock::now();
    std::string order;
    std::vector<JoinHandle<void>> tasks;
    for (const auto& [name, after] : {std::pair('d', 70'000us), {'b', 20'000us}, {'c', 20'000us}, {'a', 500us}, {'e', 71'000us}}) {
      tasks.push_back(runtime::spawn_local([&order, after = after, name = name] {
        runtime::sleep_for(after);
        order += name;
      }));
    }
    tasks.push_back(runtime::spawn_local([&] { order += '0'; }));
    time_::advance(0s);
    CHECK(order == "0");
    time_::advance(499us);
    CHECK(order == "0");
    time_::advance(1us);
    CHECK(order == "0a");
    CHECK(Clock::now() == start + 500us);
    time_::advance(std::chrono::nanoseconds(70'499'999));
    CHECK(order == "0abcd");
    time_::advance(1ns);
    CHECK(order == "0abcde");
    CHECK(Clock::now() == start + 71ms);
    for (auto& task : tasks) task.join();
    time_::advance(std::chrono::hours::max());
    time_::advance(1h);  // the end of time is ahead for ever
    CHECK(time_of([] { runtime::yield_now(); }) == 0s);
  });
}

TEST_CASE("advance works in a task, while closures run, and is a suspension point") {
  Checked house(paused());
  house.rt.block_on([] {
    std::atomic<bool> release{false};
    auto closure = runtime::spawn_blocking([&] {
      while (!release) std::this_thread::yield();
    });
    auto task = runtime::spawn_local([] { CHECK(time_of([] { time_::advance(5s); }) == 5s); });
    task.join();
    release = true;
    closure.join();

    std::optional<runtime::AbortHandle> self;
    auto aborted = runtime::spawn_local([&] {
      const auto start = Clock::now();
      const AtExit at_exit([&] { CHECK(Clock::now() == start); });
      self->abort();
      time_::advance(1s);
    });
    self = aborted.abort_handle();
    CHECK_THROWS_AS(aborted.join(), JoinError);
  });
}

TEST_CASE("pause and resume: the clock goes on from where it stood") {
  Checked house;
  house.rt.block_on([] {
    CHECK(time_of([] { runtime::sleep_for(1ms); }) >= 1ms);
    auto sleeper = runtime::spawn_local([] {
      const auto start = Clock::now();
      runtime::sleep_for(1h);
      CHECK(Clock::now() >= start + 1h);
      CHECK(Clock::now() < start + 2h);
    });
    settle();
    time_::pause();
    sleeper.join();
    const auto stood = Clock::now();
    time_::resume();
    CHECK(Clock::now() >= stood);
    CHECK(Clock::now() < stood + 1h);
    // A timer is never early, neither by the clock nor by real time.
    const auto real = std::chrono::steady_clock::now();
    CHECK(time_of([] { runtime::sleep_for(2ms); }) >= 2ms);
    CHECK(std::chrono::steady_clock::now() - real >= 2ms);
    const auto behind = Clock::now();
    time_::pause();
    std::this_thread::sleep_for(2ms);
    CHECK(Clock::now() - behind < 1h);
    time_::resume();
    CHECK(time_of([] { runtime::sleep_for(1ms); }) >= 1ms);
  });
}

TEST_CASE("a clock that was resumed keeps its timers, near and far") {
  Checked house(paused());
  house.rt.block_on([] {
    const auto start = Clock::now();
    std::string order;
    auto far = runtime::spawn_local([&] {
      runtime::sleep_until(start + 1h);
      order += 'f';
    });
    auto near = runtime::spawn_local([&] {
      runtime::sleep_until(start + 1h - 1ms);
      order += 'n';
    });
    settle();
    time_::advance(1h - 2ms);
    CHECK(order.empty());
    time_::resume();
    near.join();
    CHECK(Clock::now() >= start + 1h - 1ms);
    far.join();
    CHECK(Clock::now() >= start + 1h);
    CHECK(order == "nf");
  });
}

TEST_CASE("outside a runtime the clock is the steady one; a sleep there and on a pool thread is real") {
  const auto before = std::chrono::steady_clock::now().time_since_epoch();
  const auto now = Clock::now().time_since_epoch();
  CHECK(before <= now);
  CHECK(now <= std::chrono::steady_clock::now().time_since_epoch());
  static_assert(Clock::is_steady);

  Checked house(paused());
  const auto sleeps_really = [] {
    const auto real = std::chrono::steady_clock::now();
    runtime::sleep_for(1ms);
    runtime::sleep_until(Clock::now() + 1ms);
    runtime::sleep_until(Clock::now() - 1h);
    return std::chrono::steady_clock::now() - real >= 2ms;
  };
  CHECK(sleeps_really());
  CHECK(house.rt.block_on([&] { return runtime::offload(sleeps_really); }));
  CHECK(house.rt.block_on([&] { return time_of([&] { runtime::offload(sleeps_really); }) == 0s; }));
}

TEST_CASE("a thread that has entered the runtime sees its clock") {
  Checked house(paused());
  const auto now = house.rt.block_on([] { return Clock::now(); });
  const Handle handle = house.rt.handle();
  std::thread([&] {
    const auto guard = handle.enter();
    CHECK(Clock::now() == now);
    CHECK(code_of([] { time_::resume(); }) == Errc::wrong_thread);
    CHECK(code_of([] { time_::pause(); }) == Errc::wrong_thread);
    CHECK(code_of([] { time_::advance(1s); }) == Errc::wrong_thread);
  }).join();
  const auto guard = house.rt.enter();
  time_::advance(1s);
  CHECK(Clock::now() == now + 1s);
  time_::resume();
  CHECK(Clock::now() >= now + 1s);
}

TEST_CASE("join_for and the other chrono clocks follow the paused clock") {
  Checked house(paused());
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] { runtime::sleep_for(10s); });
    CHECK(time_of([&] { CHECK_FALSE(task.join_for(3s)); }) == 3s);
    CHECK(time_of([&] { CHECK(task.join_for(1h)); }) == 7s);
    const auto about = [](auto duration, auto wanted) { return duration > wanted - 1min && duration <= wanted; };
    CHECK(about(time_of([] { runtime::sleep_until(std::chrono::steady_clock::now() + 1h); }), 1h));
    CHECK(about(time_of([] { runtime::sleep_until(std::chrono::system_clock::now() + 1h); }), 1h));
    CHECK(time_of([] { runtime::sleep_until(std::chrono::steady_clock::now() - 1h); }) == 0s);
  });
  auto outside = house.rt.spawn_local([] { runtime::sleep_for(10s); });
  CHECK_FALSE(outside.join_for(3s));  // drives the runtime
  CHECK(outside.join_for(7s));
}

TEST_CASE("pausing twice, and resuming or advancing what is not paused, is refused with a sentence") {
  Checked house;
  CHECK(code_of([] { time_::pause(); }) == Errc::no_runtime);
  CHECK(code_of([] { time_::resume(); }) == Errc::no_runtime);
  CHECK(code_of([] { time_::advance(1s); }) == Errc::no_runtime);
  house.rt.block_on([] {
    CHECK(code_of([] { time_::resume(); }) == Errc::invalid_argument);
    CHECK(code_of([] { time_::advance(1s); }) == Errc::invalid_argument);
    time_::pause();
    CHECK(code_of([] { time_::pause(); }) == Errc::invalid_argument);
    CHECK(code_of([] { time_::advance(-1ns); }) == Errc::invalid_argument);
    CHECK(code_of([] { runtime::offload([] { time_::advance(1ns); }); }) == Errc::wrong_thread);
    time_::resume();
    CHECK(code_of([] { time_::resume(); }) == Errc::invalid_argument);
  });
}
