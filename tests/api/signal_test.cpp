// Listening for signals.

#include <csignal>
#include <cstring>

#include <atomic>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::signal::Signal;

namespace {

/// The descriptor of each number stays for good: it is made before the tests count descriptors.
struct Listening {
  Listening() {
    for (const int number : {SIGHUP, SIGINT, SIGUSR1, SIGUSR2}) Signal{number};
    ::sigaction(SIGINT, nullptr, &on_interrupt);
  }
  struct sigaction on_interrupt {};
};
const Listening before_all_tests;

using Fixture = Checked;
using PlainFixture = Limits;

/// No news within some turns of the driver.
bool hears_nothing(Signal& signal) {
  return code_of([&] { runtime::timeout(3ms, [&] { signal.recv(); }); }) == Errc::elapsed;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a signal wakes the fiber that waits for it") {
  rt.block_on([] {
    Signal signal(SIGHUP);
    int heard = 0;
    auto waiting = runtime::spawn_local([&] {
      for (; heard < 3; ++heard) signal.recv();
    });
    for (int sent = 0; sent < 3; ++sent) {
      settle();
      CHECK(heard == sent);
      ::raise(SIGHUP);
      CHECK(eventually([&] { return heard == sent + 1; }));
    }
    waiting.join();
  });
}

TEST_CASE_FIXTURE(Fixture, "what came before the construction is not heard, what came after it is") {
  ::raise(SIGHUP);
  rt.block_on([] {
    Signal signal(SIGHUP);
    CHECK(hears_nothing(signal));
    ::raise(SIGHUP);
    signal.recv();
    CHECK(hears_nothing(signal));
  });
}

TEST_CASE_FIXTURE(Fixture, "signals that come while nobody waits are one") {
  rt.block_on([] {
    Signal signal(SIGUSR1);
    for (int i = 0; i < 5; ++i) ::raise(SIGUSR1);
    signal.recv();
    CHECK(hears_nothing(signal));
  });
}

TEST_CASE_FIXTURE(Fixture, "a listener that waits for the second signal is not disturbed by the first") {
  rt.block_on([&] {
    Signal signal(SIGUSR1);
    ::raise(SIGUSR1);
    signal.recv();
    auto waiting = runtime::spawn_local([&] { signal.recv(); });
    settle();
    const auto before = rt.metrics().io_ready_count();
    runtime::sleep_for(5ms);
    CHECK(rt.metrics().io_ready_count() - before < 4);
    CHECK_FALSE(waiting.is_finished());
    ::raise(SIGUSR1);
    waiting.join();
  });
}

TEST_CASE_FIXTURE(Fixture, "every listener hears, and one that goes takes nothing from the others") {
  rt.block_on([] {
    Signal first(SIGUSR1), second(SIGUSR1);
    { const Signal gone(SIGUSR1); }
    Signal other_number(SIGUSR2);
    ::raise(SIGUSR1);
    first.recv();
    second.recv();
    CHECK(hears_nothing(other_number));
    first = Signal(SIGUSR2);
    ::raise(SIGUSR1);
    second.recv();
    ::raise(SIGUSR2);
    first.recv();
    other_number.recv();
  });
}

TEST_CASE_FIXTURE(PlainFixture, "plain threads and runtimes hear the same signal") {
  constexpr int kThreads = 4;
  std::atomic<int> listening{0}, heard{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto listen = [&] {
        Signal signal(SIGUSR2);
        ++listening;
        signal.recv();
        ++heard;
      };
      if (i % 2 == 0) return listen();
      runtime::run([&] { runtime::spawn_local(listen).join(); });
    });
  }
  CHECK(eventually([&] { return listening == kThreads; }));
  CHECK(heard == 0);
  ::kill(::getpid(), SIGUSR2);
  for (std::thread& thread : threads) thread.join();
  CHECK(heard == kThreads);
}

TEST_CASE_FIXTURE(Fixture, "a cancelled listener loses nothing") {
  rt.block_on([] {
    Signal signal(SIGHUP);
    auto waiting = runtime::spawn_local([&] { signal.recv(); });
    settle();
    ::raise(SIGHUP);
    waiting.abort();
    CHECK(code_of([&] { waiting.join(); }) == Errc::cancelled);
    signal.recv();
  });
}

TEST_CASE_FIXTURE(Fixture, "Ctrl-C is SIGINT") {
  rt.block_on([] {
    // doctest has put a handler of its own in the place of ours while this test runs.
    struct sigaction of_doctest {};
    ::sigaction(SIGINT, &before_all_tests.on_interrupt, &of_doctest);
    auto waiting = runtime::spawn_local([] { runtime::signal::ctrl_c(); });
    settle();
    CHECK_FALSE(waiting.is_finished());
    ::raise(SIGINT);
    waiting.join();
    ::sigaction(SIGINT, &of_doctest, nullptr);
  });
}

TEST_CASE_FIXTURE(PlainFixture, "signals that cannot be listened for are refused by name") {
  for (const int number : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    try {
      const Signal signal(number);
      FAIL_CHECK("signal ", number, " was taken");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::invalid_argument);
      const std::string what = error.what();
      CHECK(occurrences(what, "signal " + std::to_string(number) + " (SIG" + ::sigabbrev_np(number) + ")") == 1);
    }
  }
  for (const int number : {-1, 0, 32, 33, SIGRTMAX + 1, 1000}) {
    CHECK(code_of([&] { const Signal signal(number); }) == Errc::invalid_argument);
  }
}

TEST_CASE_FIXTURE(PlainFixture,
                  "a handler is installed once, and one of the program's that comes later is left alone") {
  struct sigaction ours {
  }, before{}, after{};
  ours.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR2, &ours, &before);
  CHECK((before.sa_handler != SIG_DFL));
  { const Signal signal(SIGUSR2); }
  ::sigaction(SIGUSR2, &before, &after);
  CHECK((after.sa_handler == SIG_IGN));
}

TEST_CASE("a runtime without I/O says so") {
  Checked checked(Builder().enable_io(false));
  checked.rt.block_on([] {
    CHECK(code_of([] { Signal(SIGHUP).recv(); }) == Errc::io_disabled);
    CHECK(code_of([] { runtime::signal::ctrl_c(); }) == Errc::io_disabled);
  });
}

TEST_CASE_FIXTURE(Fixture, "whoever waits in a listener that is destroyed ends with EBADF") {
  rt.block_on([] {
    std::optional<Signal> signal(SIGHUP);
    auto waiting = runtime::spawn_local([&] { return os_error_of([&] { signal->recv(); }); });
    settle();
    signal.reset();
    CHECK(waiting.join() == EBADF);
  });
}

TEST_CASE_FIXTURE(Fixture, "a listener that was moved from says so, with a signal and without") {
  const auto test = [] {
    Signal signal(SIGHUP);
    Signal other = std::move(signal);
    CHECK(code_of([&] { signal.recv(); }) == Errc::invalid_argument);
    ::raise(SIGHUP);
    CHECK(code_of([&] { signal.recv(); }) == Errc::invalid_argument);
    signal = std::move(other);
    signal.recv();
  };
  rt.block_on(test);
  test();
}

TEST_CASE_FIXTURE(Fixture, "several fibers may wait in one listener, and each signal wakes one of them") {
  rt.block_on([] {
    Signal signal(SIGHUP);
    int heard = 0;
    const auto hear = [&] {
      signal.recv();
      ++heard;
    };
    auto one = runtime::spawn_local(hear);
    auto other = runtime::spawn_local(hear);
    settle();
    for (int sent = 1; sent <= 2; ++sent) {
      ::raise(SIGHUP);
      CHECK(eventually([&] { return heard == sent; }));
      runtime::sleep_for(3ms);
      CHECK(heard == sent);
    }
    one.join();
    other.join();
  });
}

TEST_CASE_FIXTURE(Fixture, "signals come in storms, and what comes after the last is not lost") {
  constexpr int kSignals = 500;
  rt.block_on([&] {
    Signal signal(SIGUSR1);
    int heard = 0;
    auto listener = runtime::spawn_local([&] {
      for (;; ++heard) signal.recv();
    });
    for (int storm = 0; storm < 4; ++storm) {
      const int before = heard;
      std::thread sender([] {
        for (int i = 0; i < kSignals; ++i) ::kill(::getpid(), SIGUSR1);
      });
      CHECK(eventually([&] { return heard > before; }));
      sender.join();
      settle();
      CHECK(heard <= before + kSignals);
      const int after = heard;
      ::raise(SIGUSR1);
      CHECK(eventually([&] { return heard > after; }));
    }
    listener.abort();
    CHECK(code_of([&] { listener.join(); }) == Errc::cancelled);
  });
}
