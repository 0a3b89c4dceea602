// Builder::stall_threshold(): code that holds the thread for too long is told of on stderr, with its stack.

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>

#include "support.hpp"
#include "support/sanitized.hpp"

using namespace api_test;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kThreshold = 30ms;
constexpr bool kSanitized = test::kAddressSanitizer || test::kThreadSanitizer;

std::atomic<int> heard{0};

LocalRuntime watched() { return runtime::Builder().name("dairy").stall_threshold(kThreshold).build_local(); }

/// Until the report is there, or no hope is left.
void block_until_told(const CapturedStderr& captured, std::size_t reports = 1) {
  const auto deadline = SteadyClock::now() + 20s;
  while (occurrences(captured.text(), "has held the thread") < reports && SteadyClock::now() < deadline) {
    ::usleep(2'000);  // the C library's own: it knows of no fiber
  }
}

}  // namespace

// Not static, and not inlined: the report names them.
extern "C" {

__attribute__((noinline)) void stall_test_blocks(const CapturedStderr* captured) {
  block_until_told(*captured);
  __asm__ volatile("");
}

__attribute__((noinline)) void stall_test_computes(const CapturedStderr* captured) {
  const auto deadline = SteadyClock::now() + 20s;
  std::uint64_t rounds = 0;
  while (SteadyClock::now() < deadline) {
    if (++rounds % 1'000'000 == 0 && occurrences(captured->text(), "has held the thread") != 0) break;
    __asm__ volatile("" : "+r"(rounds));
  }
}
}

// First: our handler is set up once, by the first runtime that asks for it.
TEST_CASE("a SIGURG handler that the program had hears its own signals, and none of ours") {
  const Limits limits;
  const CapturedStderr captured;
  struct sigaction mine{};
  mine.sa_handler = [](int) { ++heard; };
  ::sigaction(SIGURG, &mine, nullptr);
  LocalRuntime rt = watched();
  ::raise(SIGURG);
  CHECK(heard == 1);
  rt.block_on([&] { stall_test_blocks(&captured); });
  CHECK(captured.text().find("stall_test_blocks") != std::string::npos);
  CHECK(heard == 1);
  ::raise(SIGURG);
  CHECK(heard == 2);
}

TEST_CASE("a task in a call that blocks the thread is told with id, name, place and stack, once") {
  const Limits limits;
  const CapturedStderr captured;
  std::string id;
  int line = 0;
  {
    LocalRuntime rt = watched();
    rt.block_on([&] {
      line = __LINE__ + 1;
      auto task = runtime::TaskBuilder().name("milk\n").spawn_local([&] {
        stall_test_blocks(&captured);
        ::usleep(100'000);  // the same stall: a wait that ends at once, and gives nobody a turn, would be, too
      });
      id = std::to_string(task.id().value());
      task.join();
    });
  }
  const std::string text = captured.text();
  INFO(text);
  CHECK(text.find("runtime \"dairy\": task " + id + " \"milk\\x0a\", spawned at " + __FILE__ + ":" + std::to_string(line)) == 0);
  CHECK(text.find("stall_threshold is 30.000 ms") != std::string::npos);
  CHECK(text.find("stall_test_blocks+0x") != std::string::npos);
  CHECK(text.find("#0 ") != std::string::npos);
  CHECK(text.find("on_signal") == std::string::npos);  // none of our own frames
  CHECK(occurrences(text, "has held the thread") == 1);
}

TEST_CASE("so is one that computes, on a small stack") {
  const Limits limits;
  const CapturedStderr captured;
  {
    LocalRuntime rt = watched();
    rt.block_on([&] {
      runtime::TaskBuilder().stack_size(kSanitized ? 256 * 1024 : 16 * 1024).spawn_local([&] {
        stall_test_computes(&captured);
      }).join();
    });
  }
  const std::string text = captured.text();
  INFO(text);
  CHECK(text.find("stall_test_computes") != std::string::npos);
}

TEST_CASE("the code inside block_on counts as well") {
  const Limits limits;
  const CapturedStderr captured;
  {
    LocalRuntime rt = watched();
    rt.block_on([&] { stall_test_blocks(&captured); });
  }
  const std::string text = captured.text();
  INFO(text);
  CHECK(text.find("the code inside block_on has held the thread") != std::string::npos);
  CHECK(text.find("stall_test_blocks+0x") != std::string::npos);
}

TEST_CASE("who waits, sleeps or takes turns holds nothing") {
  const Limits limits;
  const CapturedStderr captured;
  {
    LocalRuntime rt = runtime::Builder().stall_threshold(5s).build_local();
    rt.block_on([&] {
      auto sleeper = runtime::spawn_local([] { runtime::sleep_for(30ms); });
      auto job = runtime::spawn_blocking([] { std::this_thread::sleep_for(30ms); });
      const auto end = SteadyClock::now() + 30ms;
      while (SteadyClock::now() < end) runtime::yield_now();
      sleeper.join();
      job.join();
    });
    std::this_thread::sleep_for(30ms);  // outside
  }
  {
    // Longer than the limit in all, but never in one go.
    LocalRuntime rt = watched();
    rt.block_on([] { runtime::sleep_for(kThreshold * 4); });
    std::this_thread::sleep_for(kThreshold * 4);
  }
  CHECK(captured.text().empty());
}

TEST_CASE("there is one report a second at most, and the next one counts what was not told") {
  const Limits limits;
  const CapturedStderr captured;
  {
    LocalRuntime rt = watched();
    rt.block_on([&] {
      const auto stall = [] {
        ::usleep(150'000);
        runtime::sleep_for(1ms);
      };
      for (int i = 0; i < 3; ++i) stall();
      CHECK(occurrences(captured.text(), "has held the thread") <= 2);  // 2: on a very slow machine
      runtime::sleep_for(1s);
      block_until_told(captured, occurrences(captured.text(), "has held the thread") + 1);
    });
  }
  const std::string text = captured.text();
  INFO(text);
  CHECK(text.find("more, which were not told") != std::string::npos);
}

TEST_CASE("a thread that cannot be asked is told of without its stack") {
  const Limits limits;
  sigset_t urgent, before;
  sigemptyset(&urgent);
  sigaddset(&urgent, SIGURG);
  SUBCASE("it has the signal blocked") {
    const CapturedStderr captured;
    ::pthread_sigmask(SIG_BLOCK, &urgent, &before);
    watched().block_on([&] { stall_test_blocks(&captured); });
    CHECK(captured.text().find("did not answer to SIGURG") != std::string::npos);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);  // the late signal finds nobody who asks
    CHECK(heard == 2);
  }
  SUBCASE("another handler takes it") {
    const CapturedStderr captured;
    struct sigaction later{}, ours;
    static std::atomic<int> taken{0};
    later.sa_handler = [](int) { ++taken; };
    ::sigaction(SIGURG, &later, &ours);
    watched().block_on([&] { stall_test_blocks(&captured); });
    CHECK(captured.text().find("did not answer to SIGURG") != std::string::npos);
    CHECK(taken == 1);
    ::sigaction(SIGURG, &ours, nullptr);
  }
}

TEST_CASE("a limit below a millisecond is refused") {
  const Limits limits;
  CHECK(code_of([] { runtime::Builder().stall_threshold(0ms); }) == Errc::invalid_argument);
  CHECK(code_of([] { runtime::Builder().stall_threshold(999us); }) == Errc::invalid_argument);
  CHECK(code_of([] { runtime::Builder().stall_threshold(-1s); }) == Errc::invalid_argument);
}
