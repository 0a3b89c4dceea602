// Complete mode: calls that bypass every name park the fiber all the same. In symbols mode the same program says which
// of them do not; the test runs it in both (tests/preload/meson.build).

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <runtime/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <semaphore>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "ticks.hpp"

using namespace std::chrono_literals;
using preload_test::ticks;
using preload_test::ticks_before;
using preload_test::wait_for_ticks;

namespace {

const bool is_complete = [] {
  const char* mode = std::getenv("RUNTIME_PRELOAD");
  return mode != nullptr && std::strcmp(mode, "complete") == 0;
}();

/// A system call that no name stands for: what static code, and the C library's inside, do.
long bare(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
template <class T>
long at(T* pointer) { return reinterpret_cast<long>(pointer); }

/// Makes a call that waits in a task beside a ticker; says whether the ticker went on meanwhile.
template <class Call>
bool parks(Call call) {
  return runtime::run([&] {
    bool is_over = false;
    auto ticker = runtime::spawn_local([&] {
      while (!is_over) {
        runtime::sleep_for(500us);
        ++ticks;
      }
    });
    const int ticked = runtime::spawn_local([&] {
      runtime::sleep_for(1ms);
      ticks_before = ticks.load();
      call();
      return ticks - ticks_before;
    }).join();
    is_over = true;
    ticker.join();
    return ticked >= 3;
  });
}

struct Pipe {
  int ends[2];
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::thread write_later(const char* text) const {
    return std::thread([fd = ends[1], text] {
      wait_for_ticks(3, is_complete ? 5'000ms : 100ms);
      CHECK(::write(fd, text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text)));
    });
  }
};

}  // namespace

TEST_CASE("bare system calls") {
  const Pipe pipe;
  char byte = 0;
  SUBCASE("read") {
    CHECK(is_complete == parks([&] {
      auto writer = pipe.write_later("x");
      CHECK(bare(SYS_read, pipe.ends[0], at(&byte), 1) == 1);
      writer.join();
    }));
    CHECK(byte == 'x');
  }
  SUBCASE("poll, and errors in the kernel's form") {
    CHECK(is_complete == parks([&] {
      pollfd fds{pipe.ends[0], POLLIN, 0};
      CHECK(bare(SYS_poll, at(&fds), 1, 200) == 0);
      CHECK(bare(SYS_read, -1, at(&byte), 1) == -EBADF);
      CHECK(bare(SYS_close, 987654) == -EBADF);
      errno = 42;
      CHECK(bare(SYS_fcntl, -1, F_GETFD) == -EBADF);
      CHECK(errno == 42);
    }));
  }
  SUBCASE("sleeping") {
    CHECK(is_complete == parks([] {
      timespec time{0, 100'000'000}, left{7, 7};
      CHECK(bare(SYS_nanosleep, at(&time), at(&left)) == 0);
      CHECK(bare(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, at(&time), 0) == 0);
      time.tv_nsec = -1;
      CHECK(bare(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, at(&time), 0) == -EINVAL);
    }));
  }
  SUBCASE("wait4") {
    CHECK(is_complete == parks([] {
      const pid_t child = ::fork();
      if (child == 0) {
        timespec time{0, 200'000'000};
        bare(SYS_nanosleep, at(&time), 0);
        bare(SYS_exit_group, 7);
      }
      ::usleep(100);  // from here on calls are caught again
      int status = 0;
      CHECK(bare(SYS_wait4, child, at(&status), 0, 0) == child);
      CHECK(WEXITSTATUS(status) == 7);
      CHECK(bare(SYS_wait4, child, at(&status), 0, 0) == -ECHILD);
    }));
  }
  SUBCASE("futex") {
    CHECK(is_complete == parks([] {
      std::atomic<int> word = 0;
      std::thread waker([&] {
        wait_for_ticks(3, is_complete ? 5'000ms : 100ms);
        word = 1;
        bare(SYS_futex, at(&word), FUTEX_WAKE_PRIVATE, 1);
      });
      while (word == 0) {
        const long result = bare(SYS_futex, at(&word), FUTEX_WAIT_PRIVATE, 0, 0);
        CHECK((result == 0 || result == -EAGAIN));
      }
      timespec limit{0, 1'000'000};
      long result = 0;
      while (result == 0) result = bare(SYS_futex, at(&word), FUTEX_WAIT_PRIVATE, 1, at(&limit));
      CHECK(result == -ETIMEDOUT);
      CHECK(bare(SYS_futex, at(&word), FUTEX_WAIT_PRIVATE, 5, 0) == -EAGAIN);
      waker.join();
    }));
  }
}

TEST_CASE("what the C library does inside") {
  const Pipe pipe;
  SUBCASE("dprintf into a full socket") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const std::vector<char> text(1 << 20, 'x');
    // It is wrapped at its own name, too, when it is: then it parks in both modes.
    const bool has_parked = parks([&] {
      std::thread reader([&] {
        wait_for_ticks(3, is_complete ? 5'000ms : 100ms);
        std::vector<char> bytes(1 << 16);
        for (std::size_t got = 0; got < text.size();) got += static_cast<std::size_t>(::read(ends[1], bytes.data(), bytes.size()));
      });
      CHECK(::dprintf(ends[0], "%.*s", static_cast<int>(text.size()), text.data()) == static_cast<int>(text.size()));
      reader.join();
    });
    CHECK((has_parked || !is_complete));
    ::close(ends[0]);
    ::close(ends[1]);
  }
  SUBCASE("std::future and std::binary_semaphore") {
    CHECK(parks([] {
      auto answer = std::async(std::launch::async, [] {
        wait_for_ticks(3, is_complete ? 5'000ms : 100ms);
        return 42;
      });
      ::usleep(100);
      CHECK(answer.get() == 42);
    }) >= is_complete);
    CHECK(parks([] {
      std::binary_semaphore semaphore(0);
      std::thread releaser([&] {
        wait_for_ticks(3, is_complete ? 5'000ms : 100ms);
        semaphore.release();
      });
      semaphore.acquire();
      releaser.join();
    }));
  }
}

TEST_CASE("calls about the caller's own thread are as before") {
  if (!is_complete) return;  // a mask that is changed by a bare call is not seen, and stays the thread's
  runtime::run([] {
    runtime::spawn_local([] {
      // The mask, by a bare call: in force at once, and the fiber's.
      std::uint64_t usr1 = std::uint64_t{1} << (SIGUSR1 - 1), before = 1;
      CHECK(bare(SYS_rt_sigprocmask, SIG_BLOCK, at(&usr1), at(&before), 8) == 0);
      std::uint64_t now = 0;
      CHECK(bare(SYS_rt_sigprocmask, SIG_BLOCK, 0, at(&now), 8) == 0);
      CHECK(now == (before | usr1));
      CHECK(bare(SYS_rt_sigprocmask, SIG_SETMASK, at(&before), 0, 8) == 0);
      CHECK(bare(SYS_rt_sigprocmask, 77, at(&before), 0, 8) == -EINVAL);
      // All signals blocked, SIGSYS with them: calls must not end the program.
      std::uint64_t all = ~std::uint64_t{0};
      CHECK(bare(SYS_rt_sigprocmask, SIG_SETMASK, at(&all), at(&before), 8) == 0);
      CHECK(bare(SYS_getpid) == ::getpid());
      sigset_t every;
      ::sigfillset(&every);
      CHECK(::pthread_sigmask(SIG_SETMASK, &every, nullptr) == 0);
      CHECK(bare(SYS_getpid) == ::getpid());
      CHECK(bare(SYS_rt_sigprocmask, SIG_SETMASK, at(&before), 0, 8) == 0);

      // The alternate stack stays where it was put.
      std::vector<char> memory(1 << 16);
      stack_t stack{memory.data(), 0, memory.size()}, old{}, found{};
      CHECK(bare(SYS_sigaltstack, at(&stack), at(&old)) == 0);
      CHECK(bare(SYS_sigaltstack, 0, at(&found)) == 0);
      CHECK(found.ss_sp == memory.data());
      CHECK(bare(SYS_sigaltstack, at(&old), 0) == 0);
    }).join();
  });
}

namespace {
std::atomic<int> handled = 0;
void handler(int) {
  handled += bare(SYS_getpid) == ::getpid() ? 1 : 100;
}
}  // namespace

TEST_CASE("signal handlers run and return, with all signals blocked meanwhile") {
  struct sigaction action {};
  action.sa_handler = &handler;
  ::sigfillset(&action.sa_mask);
  REQUIRE(::sigaction(SIGUSR1, &action, nullptr) == 0);
  runtime::run([] {
    runtime::spawn_local([] {
      handled = 0;
      for (int i = 0; i < 10; ++i) {
        ::raise(SIGUSR1);
        bare(SYS_kill, ::getpid(), SIGUSR1);
      }
      CHECK(handled == 20);
    }).join();
    handled = 0;
    ::raise(SIGUSR1);
    CHECK(handled == 1);
  });
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("threads, children and programs are started, and are on their own") {
  runtime::run([] {
    runtime::spawn_local([] {
      int sum = 0;
      std::thread([&] { sum += static_cast<int>(bare(SYS_getpid) == ::getpid()); }).join();
      CHECK(sum == 1);
      const pid_t child = ::fork();
      if (child == 0) {
        ::usleep(1000);  // blocks the child's only thread
        ::_exit(bare(SYS_getpid) == ::getpid() ? 3 : 4);
      }
      int status = 0;
      CHECK(::waitpid(child, &status, 0) == child);
      CHECK(WEXITSTATUS(status) == 3);
      // By number, too, the child has its calls to itself: a park would let the sibling go on in it.
      bool sibling_ran = false;
      auto sibling = runtime::spawn_local([&] { sibling_ran = true; });
      const long by_number = ::syscall(SYS_fork);
      if (by_number == 0) {
        ::usleep(1000);
        ::_exit(sibling_ran ? 4 : 3);
      }
      CHECK(::waitpid(static_cast<pid_t>(by_number), &status, 0) == by_number);
      CHECK(WEXITSTATUS(status) == 3);
      sibling.join();
      const pid_t program = ::fork();
      if (program == 0) {
        ::execlp("true", "true", nullptr);
        ::_exit(127);
      }
      CHECK(::waitpid(program, &status, 0) == program);
      CHECK(status == 0);
    }).join();
  });
}

TEST_CASE("a thread that blocks all signals, and a fiber that waits for one") {
  sigset_t all, before;
  ::sigfillset(&all);
  REQUIRE(::pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
  runtime::run([] {
    CHECK(bare(SYS_getpid) == ::getpid());
    runtime::spawn_local([] { CHECK(bare(SYS_getpid) == ::getpid()); }).join();
  });
  REQUIRE(::pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
  ::signal(SIGUSR1, [](int) {});
  runtime::run([] {
    auto waiting = runtime::spawn_local([] {
      sigset_t all_but_one;
      ::sigfillset(&all_but_one);
      ::sigdelset(&all_but_one, SIGUSR1);
      CHECK(::sigsuspend(&all_but_one) == -1);
    });
    runtime::yield_now();
    CHECK(bare(SYS_getpid) == ::getpid());
    ::kill(::getpid(), SIGUSR1);
    waiting.join();
  });
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("libraries are loaded by several fibers at once") {
  // In the loader a fiber must not park: the lock is the thread's, and a sibling would walk in.
  runtime::run([] {
    runtime::JoinSet<bool> set;
    for (const char* name : {"libcrypto.so.3", "libssl.so.3", "libz.so.1", "liblzma.so.5", "libexpat.so.1", "libpq.so.5"}) {
      set.spawn_local([name] {
        if (void* library = ::dlopen(name, RTLD_NOW)) return ::dlclose(library) == 0;
        return std::strstr(::dlerror(), "cannot open shared object file") != nullptr;  // it is not installed
      });
    }
    for (const bool is_right : set.join_all()) CHECK(is_right);
  });
}

TEST_CASE("a runtime inside, and after it") {
  const Pipe pipe;
  CHECK(is_complete == parks([&] {
    runtime::run([] { runtime::spawn_local([] {}).join(); });
    char byte;
    auto writer = pipe.write_later("x");
    CHECK(bare(SYS_read, pipe.ends[0], at(&byte), 1) == 1);
    writer.join();
  }));
}

TEST_CASE("a cancelled task is told so in a bare call") {
  const Pipe pipe;
  if (!is_complete) return;
  runtime::run([&] {
    auto reader = runtime::spawn_local([&] {
      char byte;
      CHECK(bare(SYS_read, pipe.ends[0], at(&byte), 1) == -ECANCELED);
    });
    runtime::yield_now();
    reader.abort();
    reader.wait();
  });
}
