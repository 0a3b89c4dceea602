// Ten calls that other interposers miss, since they bypass the names that these wrap: each parks, and a ticker beside it
// goes on. Prints how late the ticker was at worst; the acceptance figure is 10 ms on a machine that is idle.

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#include <runtime/runtime.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "ticks.hpp"

using namespace std::chrono_literals;
using preload_test::ticks;
using preload_test::ticks_before;
using preload_test::wait_for_ticks;
using Clock = std::chrono::steady_clock;

// What a fortified program calls.
extern "C" {
ssize_t __read_chk(int fd, void* buffer, std::size_t size, std::size_t room);
ssize_t __recv_chk(int fd, void* buffer, std::size_t size, std::size_t room, int flags);
int __poll_chk(pollfd* fds, nfds_t count, int timeout, std::size_t room);
int fcntl64(int fd, int command, ...);
}

namespace {

struct Seen {
  int ticks = 0;
  Clock::duration latest{};  // the longest time between two ticks, beyond the 1 ms that they are apart
};

/// Makes the call in a task, beside a ticker.
template <class Call>
Seen watch(const char* name, Call call) {
  const Seen seen = runtime::run([&] {
    Seen so_far{};
    bool is_over = false;
    auto ticker = runtime::spawn_local([&] {
      auto last = Clock::now();
      while (!is_over) {
        runtime::sleep_for(1ms);
        const auto now = Clock::now();
        so_far.latest = std::max(so_far.latest, now - last - 1ms);
        last = now;
        ++ticks;
      }
    });
    runtime::yield_now();
    so_far.ticks = runtime::spawn_local([&] {
      ticks_before = ticks.load();
      call();
      return ticks - ticks_before;
    }).join();
    is_over = true;
    ticker.join();
    return so_far;
  });
  std::printf("%-16s ticks %3d, the latest %5.2f ms late\n", name, seen.ticks,
              std::chrono::duration<double, std::milli>(seen.latest).count());
  return seen;
}

struct Sockets {
  int ends[2];
  Sockets() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  ~Sockets() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  /// Somebody else writes a line later.
  std::thread write_later() const {
    return std::thread([fd = ends[1]] {
      wait_for_ticks(20, 2s);
      CHECK(::write(fd, "line\n", 5) == 5);
    });
  }
};

}  // namespace

TEST_CASE("the probe: calls that wait park, whatever they are called by") {
  const auto parks = [](const char* name, auto call) { CHECK(watch(name, call).ticks > 0); };
  const Sockets sockets;
  const int fd = sockets.ends[0];
  const auto with_writer = [&](auto call) {
    return [&sockets, call] {
      std::thread writer = sockets.write_later();
      call();
      writer.join();
    };
  };
  parks("__read_chk", with_writer([fd] {
    char bytes[8];
    CHECK(__read_chk(fd, bytes, 5, sizeof bytes) == 5);
  }));
  parks("__recv_chk", with_writer([fd] {
    char bytes[8];
    CHECK(__recv_chk(fd, bytes, 5, sizeof bytes, 0) == 5);
  }));
  parks("__poll_chk", with_writer([fd] {
    pollfd fds{fd, POLLIN, 0};
    CHECK(__poll_chk(&fds, 1, 5'000, sizeof fds) == 1);
    char bytes[8];
    CHECK(::read(fd, bytes, sizeof bytes) == 5);
  }));
  parks("fgets", with_writer([fd] {
    std::FILE* stream = ::fdopen(::dup(fd), "r");
    char line[8];
    CHECK(std::fgets(line, sizeof line, stream) == line);
    CHECK(std::string(line) == "line\n");
    std::fclose(stream);
  }));
  parks("thrd_sleep", [] {
    const timespec time{0, 30'000'000};
    CHECK(::thrd_sleep(&time, nullptr) == 0);
  });
  parks("system", [] { CHECK(std::system("sleep 0.03") == 0); });
  parks("dprintf", [] {
    const Sockets full;
    const std::string text(1 << 20, 'x');
    std::thread reader([&] {
      wait_for_ticks(20, 2s);
      std::vector<char> bytes(1 << 16);
      for (std::size_t got = 0; got < text.size();) {
        const ssize_t n = ::read(full.ends[1], bytes.data(), bytes.size());
        if (n <= 0) break;
        got += static_cast<std::size_t>(n);
      }
    });
    CHECK(::dprintf(full.ends[0], "%s", text.c_str()) == static_cast<int>(text.size()));
    reader.join();
  });
  parks("fcntl64", [] {
    char path[] = "/tmp/libruntime-probe-XXXXXX";
    const int file = ::mkstemp(path);
    REQUIRE(file >= 0);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t holder = ::fork();
    if (holder == 0) {
      char byte = 'x';
      if (::fcntl(file, F_SETLK, &lock) != 0 || ::write(ready[1], &byte, 1) != 1) ::_exit(1);
      ::usleep(30'000);
      ::_exit(0);
    }
    char byte;
    CHECK(::read(ready[0], &byte, 1) == 1);
    CHECK(fcntl64(file, F_SETLKW, &lock) == 0);
    int status = 1;
    CHECK(::waitpid(holder, &status, 0) == holder);
    CHECK(status == 0);
    for (const int other : {file, ready[0], ready[1]}) ::close(other);
    ::unlink(path);
  });
}

TEST_CASE("the probe: names are looked up while others go on") {
  watch("getaddrinfo", [] {
    addrinfo* found = nullptr;
    CHECK(::getaddrinfo("localhost", "80", nullptr, &found) == 0);
    ::freeaddrinfo(found);
  });
  watch("gethostbyname", [] {
    const hostent* found = ::gethostbyname("localhost");
    REQUIRE(found != nullptr);
    CHECK(found->h_length > 0);
  });
}
