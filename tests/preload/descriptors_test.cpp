// Descriptors under unmodified code in fibers: closing, numbers that are used again, dup, fork and exec, SIGPIPE, signals
// during a call, O_NONBLOCK. In each case as without the library.

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <runtime/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace {

struct Sockets {
  int ends[2];
  Sockets() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  ~Sockets() {
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
  }
};

using Answer = std::pair<long, int>;  // a result, and errno if it is -1

template <class Call>
Answer answer(Call call) {
  const long result = call();
  return {result, result == -1 ? errno : 0};
}

Answer read_byte(int fd) {
  char byte;
  return answer([&] { return ::read(fd, &byte, 1); });
}

/// Each way to end the life of a descriptor's number.
struct Ending {
  const char* name;
  std::function<void(int fd)> end;
};
const Ending kEndings[] = {
    {"close", [](int fd) { CHECK(::close(fd) == 0); }},
    {"dup2", [](int fd) {
       int pipe_ends[2];
       CHECK(::pipe(pipe_ends) == 0);
       CHECK(::dup2(pipe_ends[0], fd) == fd);
       for (const int end : {pipe_ends[0], pipe_ends[1], fd}) ::close(end);
     }},
    {"dup3", [](int fd) {
       CHECK(::dup3(STDERR_FILENO, fd, O_CLOEXEC) == fd);
       ::close(fd);
     }},
    {"close_range", [](int fd) {
       CHECK(::close_range(static_cast<unsigned>(fd), static_cast<unsigned>(fd), 0) == 0);
     }},
};

}  // namespace

TEST_CASE("who waits on a descriptor that is closed is told, whoever closes it") {
  for (const Ending& ending : kEndings) {
    for (const bool by_thread : {false, true}) {
      CAPTURE(ending.name);
      CAPTURE(by_thread);
      Sockets sockets;
      runtime::run([&] {
        const int fd = std::exchange(sockets.ends[0], -1);
        auto reader = runtime::spawn_local([fd] { return read_byte(fd); });
        auto poller = runtime::spawn_local([fd] {
          pollfd fds{fd, POLLIN, 0};
          const int count = ::poll(&fds, 1, -1);
          return count == 1 ? fds.revents : short{0};
        });
        ::usleep(100);
        if (by_thread) {
          std::thread([&] { ending.end(fd); }).join();
        } else {
          runtime::spawn_local([&] { ending.end(fd); }).join();
        }
        CHECK(reader.join() == Answer(-1, EBADF));
        CHECK(poller.join() == POLLNVAL);
      });
    }
  }
}

TEST_CASE("a number that is used again has the bytes of its new owner only") {
  for (int round = 0; round < 20; ++round) {
    Sockets first, second;
    runtime::run([&] {
      const int number = std::exchange(first.ends[0], -1);
      auto former = runtime::spawn_local([number] { return read_byte(number); });
      ::usleep(100);
      CHECK(::close(number) == 0);
      REQUIRE(::dup2(second.ends[0], number) == number);
      auto owner = runtime::spawn_local([number] { return read_byte(number); });
      ::usleep(100);
      CHECK(::send(first.ends[1], "x", 1, MSG_NOSIGNAL) == -1);
      CHECK(::write(second.ends[1], "y", 1) == 1);
      CHECK(former.join() == Answer(-1, EBADF));
      CHECK(owner.join() == Answer(1, 0));
      ::close(number);
    });
  }
}

TEST_CASE("a descriptor that the program makes non-blocking is not waited for") {
  Sockets sockets;
  runtime::run([&] {
    const int fd = sockets.ends[0];
    const int flags = ::fcntl(fd, F_GETFL);
    CHECK((flags & O_NONBLOCK) == 0);
    CHECK(::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
    CHECK(read_byte(fd) == Answer(-1, EAGAIN));
    CHECK(::fcntl(fd, F_SETFL, flags) == 0);
    auto reader = runtime::spawn_local([fd] { return read_byte(fd); });
    ::usleep(100);
    CHECK(::fcntl(fd, F_GETFL) == flags);  // while somebody waits on it
    const int copy = ::dup(fd);
    CHECK(::fcntl(copy, F_GETFL) == flags);
    ::close(copy);
    CHECK(::write(sockets.ends[1], "x", 1) == 1);
    CHECK(reader.join() == Answer(1, 0));
  });
}

TEST_CASE("a child has its own descriptors, and what it closes ends nobody's wait") {
  Sockets sockets;
  runtime::run([&] {
    const int fd = sockets.ends[0];
    auto reader = runtime::spawn_local([fd] { return read_byte(fd); });
    ::usleep(100);
    for (const bool on_thread : {false, true}) {
      const auto have_child = [&] {
        const pid_t child = ::fork();
        if (child == 0) {
          ::close(fd);
          ::usleep(1'000);
          ::execlp("true", "true", nullptr);
          ::_exit(127);
        }
        int status = -1;
        CHECK(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
      };
      if (on_thread) std::thread(have_child).join();
      else have_child();
    }
    CHECK(!reader.is_finished());
    CHECK(::write(sockets.ends[1], "x", 1) == 1);
    CHECK(reader.join() == Answer(1, 0));
  });
}

namespace {
std::atomic<int> handled = 0;
}

TEST_CASE("SIGPIPE is raised where it belongs, and EPIPE says the rest") {
  ::signal(SIGPIPE, [](int) { ++handled; });
  Sockets sockets;
  ::close(std::exchange(sockets.ends[1], -1));
  runtime::run([&] {
    handled = 0;
    CHECK(answer([&] { return ::write(sockets.ends[0], "x", 1); }) == Answer(-1, EPIPE));
    CHECK(handled == 1);
    CHECK(answer([&] { return ::send(sockets.ends[0], "x", 1, MSG_NOSIGNAL); }) == Answer(-1, EPIPE));
    CHECK(handled == 1);
  });
  ::signal(SIGPIPE, SIG_DFL);
}

TEST_CASE("a handler runs while a call is parked, and the call goes on") {
  struct sigaction action {};
  action.sa_handler = [](int) { ++handled; };  // without SA_RESTART
  REQUIRE(::sigaction(SIGUSR1, &action, nullptr) == 0);
  Sockets sockets;
  runtime::run([&] {
    handled = 0;
    auto reader = runtime::spawn_local([&] { return read_byte(sockets.ends[0]); });
    ::usleep(100);
    ::kill(::getpid(), SIGUSR1);
    ::usleep(100);
    CHECK(handled == 1);
    CHECK(!reader.is_finished());
    CHECK(::write(sockets.ends[1], "x", 1) == 1);
    CHECK(reader.join() == Answer(1, 0));
  });
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("a cancelled task's calls fail, and the descriptor is as it was") {
  Sockets sockets;
  runtime::run([&] {
    auto reader = runtime::spawn_local([&] {
      CHECK(read_byte(sockets.ends[0]) == Answer(-1, ECANCELED));
      pollfd fds{sockets.ends[0], POLLIN, 0};
      CHECK(answer([&] { return ::poll(&fds, 1, -1); }) == Answer(-1, ECANCELED));
    });
    ::usleep(100);
    reader.abort();
    reader.wait();
    CHECK(::write(sockets.ends[1], "x", 1) == 1);
    CHECK(read_byte(sockets.ends[0]) == Answer(1, 0));
  });
}

TEST_CASE("outside fibers calls block the thread, and only it") {
  Sockets sockets;
  std::thread writer([&] {
    std::this_thread::sleep_for(5ms);
    CHECK(::write(sockets.ends[1], "x", 1) == 1);
  });
  CHECK(read_byte(sockets.ends[0]) == Answer(1, 0));
  writer.join();
}
