// Waiting for readiness of a descriptor of the program's own.

#include <fcntl.h>
#include <sys/socket.h>

#include "net_support.hpp"

using namespace net_test;

namespace {

struct Fds {
  explicit Fds(int type = SOCK_STREAM) { REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0); }
  Fds(const Fds&) = delete;
  Fds& operator=(const Fds&) = delete;
  ~Fds() {
    for (const int fd : fds) ::close(fd);
  }
  int operator[](int i) const { return fds[i]; }
  int fds[2];
};

}  // namespace

TEST_CASE("a wait ends when the descriptor is ready, on a fiber and on a plain thread") {
  Checked house;
  const Fds fds;
  const auto waits = [&] {
    io::wait_writable(fds[0]);
    CHECK_FALSE(io::wait(fds[0], io::Interest::readable, 1ms));
    CHECK_FALSE(io::wait(fds[0], io::Interest::readable, 0ms));
    CHECK(io::wait(fds[0], io::Interest::readable | io::Interest::writable, 1s));
    REQUIRE(::write(fds[1], "x", 1) == 1);
    io::wait_readable(fds[0]);
    CHECK(io::wait(fds[0], io::Interest::readable));
    char byte;
    CHECK(::read(fds[0], &byte, 1) == 1);
  };
  waits();
  house.rt.block_on([&] {
    waits();
    auto waiting = start([&] { io::wait_readable(fds[0]); });
    CHECK_FALSE(waiting.is_finished());
    REQUIRE(::write(fds[1], "x", 1) == 1);
    waiting.join();
  });
}

TEST_CASE("priority is urgent data") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    auto waiting = start([&server = server] { return io::wait(server.fd(), io::Interest::priority, 10s); });
    client.write_all("plain");
    settle();
    CHECK_FALSE(waiting.is_finished());
    REQUIRE(::send(client.fd(), "!", 1, MSG_OOB) == 1);
    CHECK(waiting.join());
  });
}

TEST_CASE("a regular file is ready; what is no descriptor is EBADF; a closed one is EBADF, too") {
  Checked house;
  const auto no_wait = [] {
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    io::wait_readable(file);
    CHECK(io::wait(file, io::Interest::readable, 1ms));
    ::close(file);
    CHECK(os_error_of([&] { io::wait_readable(file); }) == EBADF);
    CHECK(os_error_of([] { io::wait_writable(-1); }) == EBADF);
  };
  no_wait();
  house.rt.block_on([&] {
    no_wait();
    const Fds fds;
    const int fd = ::dup(fds[0]);
    auto waiting = start([&] { return os_error_of([&] { io::wait_readable(fd); }); });
    CHECK(runtime_close(fd) == 0);
    CHECK(waiting.join() == EBADF);
  });
}

TEST_CASE("misuse of a wait is refused") {
  Checked house;
  const Fds fds;
  const auto misuse = [&] {
    CHECK(code_of([&] { io::wait(fds[0], io::Interest::readable, -1ms); }) == Errc::invalid_argument);
    CHECK(code_of([&] { io::wait(fds[0], io::Interest{}, 1ms); }) == Errc::invalid_argument);
    CHECK(code_of([&] { io::wait(fds[0], static_cast<io::Interest>(8), 1ms); }) == Errc::invalid_argument);
  };
  misuse();
  house.rt.block_on(misuse);
  Builder timeless;
  timeless.enable_time(false);
  LocalRuntime rt = timeless.build_local();
  rt.block_on([&] {
    CHECK(code_of([&] { io::wait(fds[0], io::Interest::readable, 1ms); }) == Errc::time_disabled);
    CHECK(io::wait(fds[0], io::Interest::writable));
  });
}

TEST_CASE("a wait is cancelled with its task, and its timeout is on the runtime's clock") {
  Checked house(Builder().start_paused(true));
  const Fds fds;
  house.rt.block_on([&] {
    CHECK_FALSE(io::wait(fds[0], io::Interest::readable, std::chrono::hours(5)));
    auto waiting = start([&] { io::wait_readable(fds[0]); });
    waiting.abort();
    CHECK_THROWS_AS(waiting.join(), JoinError);
  });
}
