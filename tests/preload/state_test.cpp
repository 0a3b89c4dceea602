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

#include "masks.hpp"

using namespace std::chrono_literals;
using preload_test::is_blocked;
using preload_test::set_of;

namespace {

std::string decimal() {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", 1.5);
  return text;
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
