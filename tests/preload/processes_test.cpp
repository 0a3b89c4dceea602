// Children of processes, in fibers: waiting for them parks, and those that are forked run no fibers.

#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "api/posix_support.hpp"

using namespace posix_test;

namespace {

/// A pipe that children inherit at both ends: a shell waits with `read x <&N`.
struct Gate {
  Gate() { REQUIRE(::pipe(fds) == 0); }
  ~Gate() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
  std::string wait(const std::string& then) const { return "read x <&" + std::to_string(fds[0]) + "; " + then; }
  void open() const { CHECK(::write(fds[1], "\n", 1) == 1); }
  int fds[2];
};

bool is_ignored(int signal) {
  struct sigaction now {};
  ::sigaction(signal, nullptr, &now);
  return now.sa_handler == SIG_IGN;
}

bool is_blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

bool has_no_children() {
  const pid_t found = ::waitpid(-1, nullptr, WNOHANG);
  return found == -1 && errno == ECHILD;
}

std::string read_all(FILE* file) {
  std::string text;
  char line[64];
  while (std::fgets(line, sizeof line, file) != nullptr) text += line;
  return text;
}

/// In the child of a fork: blocks in several ways, and ends with `code` if they worked.
[[noreturn]] void live_in_child(int code) {
  Pair p = make_pipe();
  char byte;
  const bool worked = ::write(p.b, "x", 1) == 1 && ::read(p.a, &byte, 1) == 1 && ::usleep(1000) == 0 &&
                      std::system("exit 4") == W_EXITCODE(4, 0);
  FILE* file = ::popen("echo child", "r");
  const bool piped = file != nullptr && read_all(file) == "child\n" && ::pclose(file) == 0;
  ::_exit(worked && piped ? code : 1);
}

}  // namespace

namespace {

// (Functions of their own: the child of a vfork() returns on their frame.)
[[gnu::noinline]] int run_vforked() {
  const pid_t child = ::vfork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", "exit 8", nullptr);
    ::_exit(127);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child ? status : -1;
}

/// What the child of a vfork() has written into our memory; nothing when it was a fork().
[[gnu::noinline]] int shared_with_vforked() {
  static volatile int shared;
  shared = 0;
  const pid_t child = ::vfork();
  if (child == 0) {
    shared = 5;
    ::_exit(0);
  }
  CHECK(::waitpid(child, nullptr, 0) == child);
  return shared;
}

}  // namespace

// The first of this program: there are no fibers yet.
TEST_CASE_FIXTURE(Limits, "vfork() is itself until there are fibers, and a fork() from then on") {
  const char* preloaded = std::getenv("LD_PRELOAD");
  const bool is_under_valgrind = preloaded != nullptr && std::strstr(preloaded, "vgpreload") != nullptr;
  CHECK(shared_with_vforked() == (is_under_valgrind ? 0 : 5));  // Valgrind knows no vfork()
  CHECK(on_fiber(shared_with_vforked) == 0);
  CHECK(shared_with_vforked() == 0);
}

TEST_CASE_FIXTURE(Limits, "waiting for a child parks") {
  int status = 0;
  rusage usage;
  siginfo_t info{};
  const std::function<pid_t(pid_t)> waits[] = {
      [&](pid_t) { return ::wait(&status); },
      [&](pid_t pid) { return ::waitpid(pid, &status, 0); },
      [&](pid_t) { return ::wait3(&status, 0, &usage); },
      [&](pid_t pid) { return ::wait4(pid, &status, 0, &usage); },
      [&](pid_t pid) {
        const int result = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED);
        status = W_EXITCODE(info.si_status, 0);
        return result < 0 ? -1 : info.si_pid;
      },
  };
  for (const auto& wait : waits) {
    const Gate gate;
    pid_t child = 0;
    const auto call = [&]() -> ssize_t {
      child = ::fork();
      char byte;
      if (child == 0) ::_exit(::read(gate.fds[0], &byte, 1) == 1 ? 5 : 1);
      return wait(child);
    };
    const Said said = parked(call, [&] { gate.open(); });
    CHECK(said == done(child));
    CHECK(WEXITSTATUS(status) == 5);
  }
  CHECK(on_fiber([] { return say([] { return ::wait(nullptr); }); }) == failed(ECHILD));
}

TEST_CASE_FIXTURE(Limits, "system() says what it says on a thread") {
  const auto tell = [] {
    std::vector<Said> said;
    for (const char* command : {"exit 3", "kill -9 $$", "/no/such/program 2>/dev/null", "true"}) {
      said.push_back(say([&] { return std::system(command); }));
    }
    said.push_back(say([] { return std::system(nullptr); }));
    return said;
  };
  CHECK(on_fiber(tell) == tell());
  CHECK(has_no_children());
}

TEST_CASE_FIXTURE(Limits, "system() in two fibers at once: signals are as they should be meanwhile, and afterwards") {
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGQUIT, SIG_IGN);
  const Gate first, second;
  on_fiber([&] {
    auto one = runtime::spawn_local(
        [&] { return std::system(first.wait("trap 'exit 9' INT; kill -INT $$; exit 1").c_str()); });
    auto two = runtime::spawn_local([&] { return std::system(second.wait("trap '' INT; exit 2").c_str()); });
    for (int i = 0; i < 3; ++i) settle();
    CHECK_FALSE(one.is_finished());
    CHECK(is_ignored(SIGINT));
    CHECK(is_ignored(SIGQUIT));
    CHECK(is_blocked(SIGCHLD));
    first.open();
    CHECK(one.join() == W_EXITCODE(9, 0));  // the child had the default, not our SIG_IGN, which no trap undoes
    CHECK(is_ignored(SIGINT));
    CHECK(is_blocked(SIGCHLD));
    second.open();
    CHECK(two.join() == W_EXITCODE(2, 0));
    CHECK_FALSE(is_ignored(SIGINT));
    CHECK(is_ignored(SIGQUIT));
    CHECK_FALSE(is_blocked(SIGCHLD));
  });
  ::signal(SIGQUIT, SIG_DFL);
}

TEST_CASE_FIXTURE(Limits, "a cancelled system() takes its shell with it") {
  const Gate gate;
  CHECK(aborted([&] { return std::system(gate.wait("true").c_str()); }) == failed(ECANCELED));
  CHECK(has_no_children());
  CHECK_FALSE(is_ignored(SIGINT));
}

TEST_CASE_FIXTURE(Limits, "popen() and pclose() park, in several fibers at once") {
  const Gate gates[3];
  on_fiber([&] {
    std::vector<runtime::JoinHandle<int>> fibers;
    for (const Gate& gate : gates) {
      fibers.push_back(runtime::spawn_local([&] {
        FILE* file = ::popen(gate.wait("echo hello; exit 7").c_str(), "r");
        CHECK(file != nullptr);
        CHECK(read_all(file) == "hello\n");
        return ::pclose(file);
      }));
    }
    for (int i = 0; i < 3; ++i) settle();
    for (const Gate& gate : gates) gate.open();
    for (auto& fiber : fibers) CHECK(fiber.join() == W_EXITCODE(7, 0));
  });
  const Gate gate;
  CHECK(parked([&] { return ::pclose(::popen(gate.wait("exit 6").c_str(), "w")); }, [&] { gate.open(); }) ==
        done(W_EXITCODE(6, 0)));
  CHECK(has_no_children());
}

TEST_CASE_FIXTURE(Limits, "a child of popen() closes the streams of the older ones") {
  const auto close_in_order = [] {
    FILE* first = ::popen("cat", "w");
    FILE* second = ::popen("cat", "w");
    // The first sees its end although the second, which began later, lives on.
    const int one = ::pclose(first);
    int (*volatile close)(FILE*) = &std::fclose;  // waits, too, in this C library; GCC does not think so
    const int two = close(second);
    return one * 1000 + two;
  };
  CHECK(on_fiber(close_in_order) == 0);
  FILE* made_before = ::popen("cat", "w");
  CHECK(on_fiber([&] {
          FILE* second = ::popen("cat", "w");
          const int one = ::pclose(made_before);
          return one * 1000 + ::pclose(second);
        }) == 0);
  CHECK(close_in_order() == 0);
}

TEST_CASE_FIXTURE(Limits, "popen() refuses and flags as on a thread") {
  const auto tell = [] {
    std::vector<long> told;
    for (const char* mode : {"r", "re", "we", "rw", "x", "", "er"}) {
      errno = 0;
      FILE* file = ::popen("exit 0", mode);
      told.push_back(file != nullptr ? ::fcntl(::fileno(file), F_GETFD) : -errno);
      if (file != nullptr) told.push_back(::pclose(file));
    }
    return told;
  };
  CHECK(on_fiber(tell) == tell());
}

TEST_CASE_FIXTURE(Limits, "a cancelled pclose() leaves its child to be reaped by the next popen()") {
  const Gate gate;
  CHECK(aborted([&] { return ::pclose(::popen(gate.wait("true").c_str(), "w")); }) == failed(ECANCELED));
  gate.open();
  bool reaped = false;
  for (int i = 0; i < 2000 && !reaped; ++i) {
    on_fiber([] { return ::pclose(::popen("true", "r")); });
    reaped = has_no_children();
  }
  CHECK(reaped);
}

TEST_CASE_FIXTURE(Limits, "children of every kind of fork live without fibers") {
  int terminal = -1;
  const std::function<pid_t()> forks[] = {
      [] { return ::fork(); },
      [] { return ::_Fork(); },
      [&] { return ::forkpty(&terminal, nullptr, nullptr, nullptr); },
  };
  for (const auto& make : forks) {
    const auto call = [&] {
      const pid_t child = make();
      if (child == 0) live_in_child(7);
      int status = 0;
      CHECK(::waitpid(child, &status, 0) == child);
      if (terminal >= 0) ::close(std::exchange(terminal, -1));
      return status;
    };
    CAPTURE(&make - forks);
    CHECK(on_fiber(call) == W_EXITCODE(7, 0));
    if (&make != &forks[1]) CHECK(call() == W_EXITCODE(7, 0));  // _Fork() promises less than these calls need
  }
}

TEST_CASE_FIXTURE(Limits, "exit() in a forked fiber flushes and ends the child alone") {
  Pair p = make_pipe();
  const int status = on_fiber([&] {
    const pid_t child = ::fork();
    if (child == 0) {
      FILE* file = ::fdopen(::dup(p.b), "w");
      std::fputs("flushed by exit", file);
      std::fflush(file);
      std::_Exit(3);
    }
    int ended = 0;
    ::waitpid(child, &ended, 0);
    return ended;
  });
  char text[32]{};
  CHECK(status == W_EXITCODE(3, 0));
  CHECK(::read(p.a, text, sizeof text) == 15);
}

TEST_CASE_FIXTURE(Limits, "vfork() and exec on a thread and on a fiber") {
  CHECK(run_vforked() == W_EXITCODE(8, 0));
  CHECK(on_fiber(run_vforked) == W_EXITCODE(8, 0));
  int on_thread = 0;
  std::thread([&] { on_thread = run_vforked(); }).join();
  CHECK(on_thread == W_EXITCODE(8, 0));
}
