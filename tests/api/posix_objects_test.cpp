// Children, locks, FIFOs and clocks: the same answers as from the C library, and
// waits that park the fiber, wake, and can be cancelled.

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <thread>

#include "posix_compare.hpp"

using namespace posix_test;

namespace {

constexpr int kLives = -1;

/// A child that ends at once with this status; or lives until it is killed.
pid_t make_child(int status = kLives) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0 && status == kLives) {
    for (;;) ::pause();
  }
  if (child == 0) ::_exit(status);
  return child;
}

void kill_child(pid_t child) { CHECK(::kill(child, SIGKILL) == 0); }

std::string described(int status) {
  if (WIFEXITED(status)) return "exit " + std::to_string(WEXITSTATUS(status));
  return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status)) : "other";
}

/// A named file of its own, in a folder that goes with it.
struct Place {
  Place() {
    std::string pattern = temporary_pattern();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    path = folder / "place";
  }
  ~Place() { std::filesystem::remove_all(folder); }
  std::filesystem::path folder, path;
};

}  // namespace

TEST_CASE_FIXTURE(Limits, "children") {
  compare({
      {"none, ended ones, killed ones, and nobody else's",
       [](const Calls& c, Story& s) {
         int status = 77;
         s.tell([&] { return c.waitpid(-1, &status, 0); });
         s.tell([&] { return c.wait(&status); });
         s.tell([&] { return c.waitpid(::getpid(), &status, 0); });
         s.tell([&] { return c.waitpid(1, &status, 0); });
         s.tell([&] { return c.waitpid(-1, &status, 0x40000); });
         siginfo_t info{};
         s.tell([&] { return c.waitid(P_ALL, 0, &info, WEXITED); });
         s.tell([&] { return c.waitid(P_ALL, 0, &info, 0); });
         const pid_t stays = make_child();
         s.tell([&] { return c.waitpid(-1, &status, WNOHANG); });
         s.tell([&] { return c.waitpid(stays, &status, WNOHANG); });
         s.tell([&] { return c.waitid(P_PID, static_cast<id_t>(stays), &info, WEXITED | WNOHANG); });
         s << std::to_string(info.si_pid);
         for (const int how : {0, 1, 2, 3, 4}) {
           const pid_t child = make_child(how);
           rusage usage{};
           const pid_t found = how == 0   ? c.waitpid(child, &status, 0)
                               : how == 1 ? c.waitpid(-1, &status, 0)
                               : how == 2 ? c.waitpid(0, &status, WUNTRACED)
                               : how == 3 ? c.wait4(child, &status, 0, &usage)
                                          : c.wait(&status);
           s << (found == child ? "found" : "other") << described(status);
         }
         const pid_t child = make_child(9);
         s.tell([&] { return c.waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT); });
         s.tell([&] { return c.waitid(P_PID, static_cast<id_t>(child), &info, WEXITED); });
         s << (info.si_pid == child ? "found" : "other") << std::to_string(info.si_status)
           << std::to_string(info.si_code);
         s.tell([&] { return c.waitpid(-::getpgrp(), &status, WNOHANG); });
         s.tell([&] { return c.waitpid(-999'999, &status, 0); });
         ::kill(stays, SIGSTOP);
         s << (c.waitpid(stays, &status, WUNTRACED) == stays && WIFSTOPPED(status) ? "stopped" : "other");
         ::kill(stays, SIGKILL);
         s << (c.waitpid(stays, nullptr, 0) == stays ? "found" : "other");
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "children: one, any, of a group, traced stops not needed; others are left alone") {
  for (const int which : {0, 1, 2, 3, 4, 5}) {
    CAPTURE(which);
    const pid_t child = make_child(), bystander = make_child();
    ::setpgid(child, child);
    siginfo_t info{};
    int status = 0;
    const auto wait = [&]() -> ssize_t {
      switch (which) {
        case 0:
          return runtime_waitpid(child, &status, 0);
        case 1:
          return runtime_waitpid(-1, &status, 0);
        case 2:
          return runtime_waitpid(-child, &status, 0);
        case 3:
          return runtime_waitpid(child, &status, WUNTRACED);
        case 4:
          return runtime_waitid(P_PID, static_cast<id_t>(child), &info, WEXITED);
        default:
          return runtime_waitid(P_PGID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
      }
    };
    CHECK(aborted(wait) == failed(ECANCELED));
    const Said said = parked(wait, [&] { kill_child(child); });
    CHECK(said == done(which < 4 ? child : 0));
    if (which < 4) CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    if (which >= 4) CHECK(info.si_pid == child);
    CHECK(::waitpid(child, nullptr, WNOHANG) == (which == 5 ? child : -1));
    kill_child(bystander);
    CHECK(::waitpid(bystander, nullptr, 0) == bystander);
  }
}

TEST_CASE_FIXTURE(Limits, "a child that somebody else reaps is ECHILD; a stop is reported to who asks for it") {
  const pid_t child = make_child();
  int status = 0;
  const auto stop = [&] { CHECK(::kill(child, SIGSTOP) == 0); };
  CHECK(parked([&] { return runtime_waitpid(child, &status, WUNTRACED); }, stop) == done(child));
  CHECK(WIFSTOPPED(status));
  const auto reap = [&] {
    kill_child(child);
    CHECK(::waitpid(child, nullptr, 0) == child);
  };
  CHECK(parked([&] { return runtime_waitpid(child, &status, 0); }, reap) == failed(ECHILD));
}

TEST_CASE_FIXTURE(Limits, "locks are waited for, and the wait can be cancelled") {
  const Place place;
  const Fd one(::open(place.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
      two(::open(place.path.c_str(), O_RDWR | O_CLOEXEC));
  const auto whole = [&] { return runtime_flock(two, LOCK_EX); };
  REQUIRE(::flock(one, LOCK_EX) == 0);
  CHECK(aborted(whole) == failed(ECANCELED));
  CHECK(parked(whole, [&] { CHECK(runtime_flock(one, LOCK_UN) == 0); }) == done(0));
  CHECK(::flock(one, LOCK_EX | LOCK_NB) == -1);

  struct flock lock {};
  lock.l_type = F_WRLCK;
  REQUIRE(::fcntl(one, F_OFD_SETLK, &lock) == 0);
  const auto range = [&] { return runtime_fcntl(two, F_OFD_SETLKW, &lock); };
  const auto process = [&] { return runtime_fcntl(two, F_SETLKW, &lock); };
  CHECK(aborted(range) == failed(ECANCELED));
  CHECK(aborted(process) == failed(ECANCELED));
  const auto unlock = [&] {
    struct flock off {};
    off.l_type = F_UNLCK;
    CHECK(runtime_fcntl(one, F_OFD_SETLKW, &off) == 0);
  };
  CHECK(parked(process, unlock) == done(0));

  REQUIRE(::flock(two, LOCK_UN) == 0);
  REQUIRE(::flock(one, LOCK_EX) == 0);
  Fd three(::open(place.path.c_str(), O_RDWR | O_CLOEXEC));
  const int number = three;
  const auto close = [&] { CHECK(runtime_close(three.release()) == 0); };
  CHECK(parked([&] { return runtime_flock(number, LOCK_SH); }, close) == failed(EBADF));

  // Nor does it get the lock on whatever has the number next, be it the same file.
  Fd four(::open(place.path.c_str(), O_RDWR | O_CLOEXEC));
  const int again = four;
  const auto replace = [&] {
    CHECK(runtime_close(four.release()) == 0);
    four = Fd(::open(place.path.c_str(), O_RDWR | O_CLOEXEC));
    CHECK(static_cast<int>(four) == again);
    CHECK(::flock(one, LOCK_UN) == 0);
  };
  CHECK(parked([&] { return runtime_flock(again, LOCK_SH); }, replace) == failed(EBADF));
  CHECK(::flock(one, LOCK_EX | LOCK_NB) == 0);
}

TEST_CASE_FIXTURE(Limits, "a FIFO opens when both ends are there, whoever comes first, and with any pool") {
  const Place place;
  const char* path = place.path.c_str();
  REQUIRE(::mkfifo(path, 0600) == 0);
  const auto read_end = [&] { return runtime_open(path, O_RDONLY | O_CLOEXEC); };
  const auto write_end = [&] { return runtime_open(path, O_WRONLY | O_CLOEXEC); };
  CHECK(aborted(read_end) == failed(ECANCELED));
  CHECK(aborted(write_end) == failed(ECANCELED));
  for (const bool reader_first : {true, false}) {
    CAPTURE(reader_first);
    for (const bool by_thread : {false, true}) {  // the other end: a fiber, or a plain thread in a blocking open()
      CAPTURE(by_thread);
      runtime::LocalRuntime rt = runtime::Builder().max_blocking_threads(1).build_local();
      rt.block_on([&] {
        auto first = runtime::spawn_local([&] { return reader_first ? read_end() : write_end(); });
        settle();
        CHECK_FALSE(first.is_finished());
        int fd = -1;
        std::thread thread;
        if (by_thread) {
          thread = std::thread([&] { fd = ::open(path, (reader_first ? O_WRONLY : O_RDONLY) | O_CLOEXEC); });
        } else {
          fd = reader_first ? write_end() : read_end();
        }
        const Fd one(first.join());
        if (by_thread) thread.join();
        const Fd two(fd);
        CHECK_FALSE(is_nonblocking(one));
        CHECK_FALSE(is_nonblocking(two));
        put(reader_first ? two : one);
        char byte;
        CHECK(runtime_read(reader_first ? one : two, &byte, 1) == 1);
      });
    }
  }
  // A writer that has come and gone again has been there.
  CHECK(parked(
            [&] {
              const Fd fd(read_end());
              return fd >= 0;
            },
            [&] {
              // A blocking open would hold the thread on which the reader has still to come.
              int writer = -1;
              for (int time = 0; writer < 0 && time < 20'000; ++time) {
                runtime::sleep_for(1ms);
                writer = ::open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
              }
              CHECK(writer >= 0);
              ::close(writer);
            }) == done(1));
}

TEST_CASE_FIXTURE(Limits, "sleeping until a moment can be cancelled, and tells the code and what is left") {
  timespec moment{}, left{7, 7};
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
    CAPTURE(clock);
    ::clock_gettime(clock, &moment);
    moment.tv_sec += 1000;
    CHECK(aborted([&] { return runtime_clock_nanosleep(clock, TIMER_ABSTIME, &moment, &left); }) == done(ECANCELED));
    CHECK(left.tv_sec == 7);
    const timespec time{100, 0};
    timespec rest{};
    CHECK(aborted([&] { return runtime_clock_nanosleep(clock, 0, &time, &rest); }) == done(ECANCELED));
    CHECK(rest.tv_sec >= 60);
    CHECK(rest.tv_sec < 100);
  }
}

TEST_CASE_FIXTURE(Limits, "lookups on a busy pool are left behind; files are not begun in a cancelled task") {
  const Fd file = make_temporary_file();
  runtime::LocalRuntime rt = runtime::Builder().max_blocking_threads(1).build_local();
  const Pair gate = make_pipe();
  rt.block_on([&] {
    auto busy = runtime::spawn_blocking([&] {
      char byte;
      return ::read(gate.a, &byte, 1);
    });
    const sockaddr_in address = loopback();
    char host[64], buffer[1024];
    hostent entry{}, *found = &entry;
    int host_error = 0;
    Said named{}, looked_up{}, opened{};
    auto naming = runtime::spawn_local([&] {
      named = say([&] { return runtime_getnameinfo(generic(address), sizeof address, host, 64, nullptr, 0, 0); });
    });
    auto looking = runtime::spawn_local([&] {
      looked_up = say([&] { return runtime_gethostbyname_r("localhost", &entry, buffer, 1024, &found, &host_error); });
      opened = say([] { return runtime_open("/dev/null", O_RDONLY); });
      CHECK(say([&] { return runtime_fsync(file); }) == failed(ECANCELED));
    });
    settle();
    naming.abort();
    looking.abort();
    naming.join();
    looking.join();
    CHECK(named == Said{EAI_SYSTEM, ECANCELED});
    CHECK(looked_up == Said{ECANCELED, ECANCELED});
    CHECK(found == nullptr);
    CHECK(host_error == NETDB_INTERNAL);
    CHECK(opened == failed(ECANCELED));
    put(gate.b);
    CHECK(busy.join() == 1);
  });
}
