// What the C library, the kernel and OpenSSL keep per thread, and this library per fiber: in each case two fibers would
// otherwise spoil each other's.

#include <dlfcn.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include <runtime/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace {

std::string decimal() {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", 1.5);
  return text;
}

bool is_blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

sigset_t set_of(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  return set;
}

/// A locale with a decimal comma, compiled by the test machine or not there.
locale_t comma_locale() {
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"}) {
    if (locale_t found = ::newlocale(LC_NUMERIC_MASK, name, nullptr)) return found;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("uselocale is the fiber's own") {
  // Where no locale with a comma is installed, that the handles differ says as much.
  locale_t other = comma_locale();
  const std::string others_decimal = other != nullptr ? "1,5" : "1.5";
  if (other == nullptr) other = ::newlocale(LC_ALL_MASK, "C", nullptr);
  REQUIRE(other != nullptr);
  const locale_t threads = ::uselocale(nullptr);
  runtime::run([&] {
    auto changed = runtime::spawn_local([&] {
      CHECK(::uselocale(other) == threads);
      for (int turn = 0; turn < 5; ++turn) {
        CHECK(::uselocale(nullptr) == other);
        CHECK(decimal() == others_decimal);
        ::usleep(100);
      }
    });
    auto plain = runtime::spawn_local([&] {
      for (int turn = 0; turn < 5; ++turn) {
        CHECK(::uselocale(nullptr) == threads);
        CHECK(decimal() == "1.5");
        ::usleep(100);
      }
    });
    changed.join();
    plain.join();
    CHECK(::uselocale(nullptr) == threads);
    runtime::spawn_local([&] { CHECK(::uselocale(nullptr) == threads); }).join();  // on a stack used before
  });
  CHECK(::uselocale(nullptr) == threads);
  ::freelocale(other);
}

TEST_CASE("the signal mask is the fiber's own, however it was changed") {
  const sigset_t usr1 = set_of(SIGUSR1), usr2 = set_of(SIGUSR2);
  REQUIRE(!is_blocked(SIGUSR1));
  runtime::run([&] {
    auto one = runtime::spawn_local([&] {
      CHECK(::pthread_sigmask(SIG_BLOCK, &usr1, nullptr) == 0);
      for (int turn = 0; turn < 5; ++turn) {
        CHECK(is_blocked(SIGUSR1));
        CHECK(!is_blocked(SIGUSR2));
        ::usleep(100);
      }
      sigset_t before;
      CHECK(::sigprocmask(SIG_UNBLOCK, &usr1, &before) == 0);
      CHECK(::sigismember(&before, SIGUSR1) == 1);
      ::usleep(100);
      CHECK(!is_blocked(SIGUSR1));
    });
    auto two = runtime::spawn_local([&] {
      sigjmp_buf place;
      if (sigsetjmp(place, 1) == 0) {
        CHECK(::sigprocmask(SIG_BLOCK, &usr2, nullptr) == 0);
        ::usleep(100);
        CHECK(is_blocked(SIGUSR2));
        ::siglongjmp(place, 1);  // puts the mask back behind our backs
      }
      CHECK(!is_blocked(SIGUSR2));
      ::usleep(100);
      CHECK(!is_blocked(SIGUSR2));
      CHECK(!is_blocked(SIGUSR1));
      CHECK(::sigprocmask(SIG_BLOCK, &usr2, nullptr) == 0);  // and ends so
    });
    for (int turn = 0; turn < 5; ++turn) {
      CHECK(!is_blocked(SIGUSR1));
      CHECK(!is_blocked(SIGUSR2));
      ::usleep(100);
    }
    one.join();
    two.join();
    CHECK(!is_blocked(SIGUSR2));
    CHECK(::pthread_sigmask(77, &usr1, nullptr) == EINVAL);
    CHECK(::sigprocmask(77, &usr1, nullptr) == -1);
    CHECK(errno == EINVAL);
  });
  CHECK(!is_blocked(SIGUSR1));
  CHECK(!is_blocked(SIGUSR2));
}

TEST_CASE("a SIGPIPE that a fiber blocks waits for that fiber") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  ::close(ends[1]);
  const sigset_t sigpipe = set_of(SIGPIPE);
  const auto is_pending = [] {
    sigset_t pending;
    return ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
  };
  runtime::run([&] {
    auto sibling = runtime::spawn_local([] { ::usleep(2'000); });
    runtime::spawn_local([&] {
      CHECK(::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr) == 0);
      CHECK(::send(ends[0], "x", 1, 0) == -1);
      CHECK(is_pending());
      ::usleep(500);  // to fibers that do not block it
      CHECK(is_pending());
      const timespec now{0, 0};
      CHECK(::sigtimedwait(&sigpipe, nullptr, &now) == SIGPIPE);
      ::usleep(500);
      CHECK(!is_pending());
      CHECK(::send(ends[0], "x", 1, 0) == -1);  // and ends so
    }).join();
    CHECK(!is_pending());
    sibling.join();
  });
  ::close(ends[0]);
}

TEST_CASE("OpenSSL's error queue is the fiber's own, and empty when a fiber starts") {
  runtime::run([] {
    for (int round = 0; round < 3; ++round) {  // ended fibers' queues are used again
      runtime::JoinSet<void> set;
      for (int i = 1; i <= 20; ++i) {
        set.spawn_local([i] {
          CHECK(::ERR_peek_error() == 0);
          ERR_raise(ERR_LIB_USER, i);
          ::usleep(100);
          ERR_raise(ERR_LIB_USER, 100 + i);
          ::usleep(100);
          CHECK(ERR_GET_REASON(::ERR_get_error()) == i);
          if (i % 2 == 0) return;  // leaves one behind
          CHECK(ERR_GET_REASON(::ERR_get_error()) == 100 + i);
          CHECK(::ERR_get_error() == 0);
        });
      }
      set.join_all();
    }
  });
  CHECK(::ERR_peek_error() == 0);
}

TEST_CASE("h_errno is the fiber's own") {
  runtime::run([] {
    auto one = runtime::spawn_local([] {
      h_errno = 11;
      ::usleep(100);
      CHECK(h_errno == 11);
    });
    auto two = runtime::spawn_local([] {
      CHECK(h_errno == 0);
      h_errno = 22;
      ::usleep(100);
      CHECK(h_errno == 22);
    });
    one.join();
    two.join();
  });
}

TEST_CASE("keys that nobody has asked to be kept stay the thread's") {
  static tss_t key;  // made by the C library, as far as anybody can see
  REQUIRE(::tss_create(&key, nullptr) == thrd_success);
  runtime::run([] {
    CHECK(::tss_set(key, &key) == thrd_success);
    runtime::spawn_local([] { CHECK(::tss_get(key) == &key); }).join();
  });
  CHECK(::tss_get(key) == &key);
  ::tss_delete(key);
}

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

TEST_CASE("what the thread changes between two runtimes is where the second begins") {
  const sigset_t usr1 = set_of(SIGUSR1), usr2 = set_of(SIGUSR2);
  const auto change_and_end = [&] {
    runtime::run([&] {
      runtime::spawn_local([&] {
        CHECK(::pthread_sigmask(SIG_BLOCK, &usr2, nullptr) == 0);
        ::usleep(100);
      }).join();
    });
  };
  change_and_end();
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &usr1, nullptr) == 0);
  change_and_end();
  CHECK(is_blocked(SIGUSR1));
  CHECK(!is_blocked(SIGUSR2));
  REQUIRE(::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr) == 0);
}

TEST_CASE("a fiber whose code ends with a call parks in it") {
  runtime::run([] {
    int ticks = 0;
    bool is_over = false;
    auto ticker = runtime::spawn_local([&] {
      while (!is_over) {
        runtime::sleep_for(1ms);
        ++ticks;
      }
    });
    // Compilers jump to the last call, which then returns into the library.
    runtime::spawn_local([] { ::usleep(200'000); }).join();
    CHECK(ticks > 3);
    is_over = true;
    ticker.join();
  });
}

TEST_CASE("values of a deleted key are no values of the next one") {
  // RUNTIME_PRELOAD_KEEP_KEYS names this program (tests/preload/meson.build).
  runtime::run([] {
    pthread_key_t key;
    REQUIRE(::pthread_key_create(&key, nullptr) == 0);
    CHECK(::pthread_setspecific(key, &key) == 0);
    bool was_its_own = false;
    runtime::spawn_local([&] { was_its_own = ::pthread_getspecific(key) == nullptr; }).join();
    CHECK(was_its_own);
    CHECK(::pthread_getspecific(key) == &key);
    REQUIRE(::pthread_key_delete(key) == 0);
    pthread_key_t next;
    REQUIRE(::pthread_key_create(&next, nullptr) == 0);
    CHECK(next == key);
    CHECK(::pthread_getspecific(next) == nullptr);
    CHECK(::pthread_key_delete(next) == 0);
  });
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
