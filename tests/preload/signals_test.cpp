// Signals under unmodified code in fibers: handlers are the program's own and never park, and fibers wait for signals.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <runtime/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include "masks.hpp"

using namespace std::chrono_literals;
using preload_test::is_blocked;
using preload_test::set_of;

namespace {

std::atomic<int> handled = 0;
int handlers_pipe[2];

void count(int) { ++handled; }

// Would park, if it were not in a handler: and then with the mask of the handler, on top of what it interrupted.
void read_in_handler(int) {
  const int errno_before = errno;
  char bytes[2];
  if (::read(handlers_pipe[0], bytes, 1) == 1) ++handled;
  ::usleep(1000);
  errno = errno_before;
}

void jump_out(int);
sigjmp_buf* target;
void jump_out(int) { ::siglongjmp(*target, 1); }

void note_info(int signal, siginfo_t* info, void*) {
  if (info != nullptr && info->si_signo == signal && info->si_code == SI_QUEUE) handled += info->si_value.sival_int;
}

}  // namespace

TEST_CASE("handlers are the program's own to see, and run as they were set") {
  struct sigaction wanted {}, before{}, found{};
  wanted.sa_handler = &count;
  wanted.sa_flags = SA_RESTART | SA_NODEFER;
  ::sigaddset(&wanted.sa_mask, SIGUSR2);
  REQUIRE(::sigaction(SIGUSR1, &wanted, &before) == 0);
  CHECK((before.sa_handler == SIG_DFL));
  REQUIRE(::sigaction(SIGUSR1, nullptr, &found) == 0);
  CHECK((found.sa_handler == &count));
  CHECK((found.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO)) == (SA_RESTART | SA_NODEFER));
  CHECK(::sigismember(&found.sa_mask, SIGUSR2) == 1);
  handled = 0;
  ::raise(SIGUSR1);
  CHECK(handled == 1);

  wanted.sa_sigaction = &note_info;
  wanted.sa_flags = SA_SIGINFO | SA_RESETHAND;
  REQUIRE(::sigaction(SIGUSR1, &wanted, &found) == 0);
  CHECK((found.sa_handler == &count));
  ::sigqueue(::getpid(), SIGUSR1, sigval{41});
  CHECK(handled == 42);
  REQUIRE(::sigaction(SIGUSR1, nullptr, &found) == 0);
  CHECK((found.sa_handler == SIG_DFL));

  CHECK((::signal(SIGUSR1, &count) == SIG_DFL));
  CHECK((::signal(SIGUSR1, SIG_IGN) == &count));
  CHECK((::signal(SIGUSR1, SIG_DFL) == SIG_IGN));
  CHECK((::signal(0, &count) == SIG_ERR));
  CHECK(errno == EINVAL);
  CHECK(::sigaction(SIGKILL, &wanted, nullptr) == -1);
  CHECK(errno == EINVAL);
  CHECK(::sigaction(SIGUSR1, &before, nullptr) == 0);
}

TEST_CASE("a handler that makes blocking calls blocks the thread, not the fiber that it interrupted") {
  REQUIRE(::pipe(handlers_pipe) == 0);
  ::signal(SIGUSR1, &read_in_handler);
  runtime::run([] {
    handled = 0;
    bool sibling_ran = false;
    auto sibling = runtime::spawn_local([&] { sibling_ran = true; });
    std::thread writer([] {
      std::this_thread::sleep_for(5ms);
      CHECK(::write(handlers_pipe[1], "x", 1) == 1);
    });
    ::raise(SIGUSR1);
    CHECK(handled == 1);
    CHECK(!sibling_ran);
    writer.join();
    sibling.join();

    // Left by a jump: what comes then parks again.
    sigjmp_buf place;
    target = &place;
    ::signal(SIGUSR1, &jump_out);
    if (sigsetjmp(place, 1) == 0) ::raise(SIGUSR1);
    bool ran = false;
    auto other = runtime::spawn_local([&] { ran = true; });
    ::usleep(100);
    CHECK(ran);
    other.join();
  });
  ::signal(SIGUSR1, SIG_DFL);
  ::close(handlers_pipe[0]);
  ::close(handlers_pipe[1]);
}

TEST_CASE("a jump within a handler does not leave it") {
  ::signal(SIGUSR1, [](int) {
    sigjmp_buf place;
    if (sigsetjmp(place, 0) == 0) ::siglongjmp(place, 1);
    ::usleep(1000);  // would let the sibling run
  });
  runtime::run([] {
    bool sibling_ran = false;
    auto sibling = runtime::spawn_local([&] { sibling_ran = true; });
    ::raise(SIGUSR1);
    CHECK(!sibling_ran);
    ::usleep(100);
    CHECK(sibling_ran);
    sibling.join();
  });
  ::signal(SIGUSR1, SIG_DFL);
}

// Old programs use them still.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

TEST_CASE("siginterrupt and sigset are obeyed") {
  struct sigaction found {};
  CHECK(::siginterrupt(SIGUSR1, 1) == 0);
  CHECK((::signal(SIGUSR1, &count) == SIG_DFL));
  REQUIRE(::sigaction(SIGUSR1, nullptr, &found) == 0);
  CHECK((found.sa_flags & SA_RESTART) == 0);
  CHECK(::siginterrupt(SIGUSR1, 0) == 0);
  REQUIRE(::sigaction(SIGUSR1, nullptr, &found) == 0);
  CHECK((found.sa_flags & SA_RESTART) != 0);
  CHECK((found.sa_handler == &count));
  CHECK((::sigset(SIGUSR1, SIG_HOLD) == &count));
  CHECK(is_blocked(SIGUSR1));
  CHECK((::sigset(SIGUSR1, SIG_DFL) == SIG_HOLD));
  CHECK(!is_blocked(SIGUSR1));
  CHECK(::sigaction(32, nullptr, &found) == -1);
  CHECK(errno == EINVAL);
}

TEST_CASE("sigwait, sigtimedwait, pause and sigsuspend park") {
  const sigset_t usr1 = set_of(SIGUSR1);
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &usr1, nullptr) == 0);
  ::signal(SIGUSR2, &count);
  runtime::run([&] {
    int ticks = 0;
    bool is_over = false;
    auto ticker = runtime::spawn_local([&] {
      while (!is_over) {
        ::usleep(500);
        ++ticks;
      }
    });
    const auto send_later = [](int signal) {
      return std::thread([signal] {
        std::this_thread::sleep_for(10ms);
        ::kill(::getpid(), signal);
      });
    };
    const auto parked = [&](auto call) {
      const int before = ticks;
      call();
      CHECK(ticks > before);
    };
    parked([&] {
      auto sender = send_later(SIGUSR1);
      int signal = 0;
      CHECK(::sigwait(&usr1, &signal) == 0);
      CHECK(signal == SIGUSR1);
      sender.join();
    });
    parked([&] {
      auto sender = send_later(SIGUSR1);
      siginfo_t info{};
      CHECK(::sigwaitinfo(&usr1, &info) == SIGUSR1);
      CHECK(info.si_pid == ::getpid());
      sender.join();
    });
    parked([&] {
      const timespec limit{0, 5'000'000};
      CHECK(::sigtimedwait(&usr1, nullptr, &limit) == -1);
      CHECK(errno == EAGAIN);
    });
    const timespec wrong{0, -1};
    CHECK(::sigtimedwait(&usr1, nullptr, &wrong) == -1);
    CHECK(errno == EINVAL);
    parked([&] {
      auto sender = send_later(SIGUSR2);
      CHECK(::pause() == -1);
      CHECK(errno == EINTR);
      sender.join();
    });
    parked([&] {
      auto sender = send_later(SIGUSR2);
      sigset_t none;
      ::sigemptyset(&none);
      ::sigaddset(&none, SIGUSR1);
      CHECK(::sigsuspend(&none) == -1);
      CHECK(errno == EINTR);
      sender.join();
    });
    auto cancelled = runtime::spawn_local([&] {
      CHECK(::sigwaitinfo(&usr1, nullptr) == -1);
      CHECK(errno == ECANCELED);
      CHECK(::pause() == -1);
      CHECK(errno == ECANCELED);
      int signal = 0;
      CHECK(::sigwait(&usr1, &signal) == ECANCELED);
    });
    runtime::yield_now();
    cancelled.abort();
    cancelled.wait();
    is_over = true;
    ticker.join();
  });
  ::signal(SIGUSR2, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
}
