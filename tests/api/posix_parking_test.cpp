// Each call that has to wait parks its fiber only: a sibling runs meanwhile, and ends the wait.

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <functional>
#include <optional>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

/// Makes the call on one fiber, sees another one run while it is parked, lets that one end the wait.
Said park(std::function<ssize_t()> call, std::function<void()> end_wait) {
  return on_fiber([&] {
    bool has_ended = false;
    auto parked = runtime::spawn_local([&] {
      const Said said = say(call);
      has_ended = true;
      return said;
    });
    int turns = 0;
    auto sibling = runtime::spawn_local([&] {
      for (; turns < 20; ++turns) runtime::yield_now();
      settle();
      CHECK_FALSE(has_ended);
      end_wait();
    });
    const Said said = parked.join();
    sibling.join();
    CHECK(turns == 20);
    return said;
  });
}

void put(int fd, const std::string& text) {
  CHECK(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

void drain(int fd, std::size_t size) {
  std::vector<char> bytes(65536);
  while (size > 0) {
    const ssize_t n = ::read(fd, bytes.data(), std::min(size, bytes.size()));
    if (n <= 0) break;
    size -= static_cast<std::size_t>(n);
  }
  CHECK(size == 0);
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "read parks on a pipe, a socket, an eventfd, a timerfd, inotify and a named FIFO") {
  char buffer[64];
  const auto read_into = [&](int fd) { return [&buffer, fd] { return runtime_read(fd, buffer, sizeof buffer); }; };

  SUBCASE("pipe") {
    const Pair p = make_pipe();
    CHECK(park(read_into(p.a), [&] { put(p.b, "abc"); }) == done(3));
    CHECK(std::string(buffer, 3) == "abc");
    CHECK_FALSE(is_nonblocking(p.a));
  }
  SUBCASE("end of a pipe") {
    Pair p = make_pipe();
    CHECK(park(read_into(p.a), [&] { p.b.reset(); }) == done(0));
  }
  SUBCASE("socket") {
    const Pair p = make_sockets();
    CHECK(park(read_into(p.a), [&] { put(p.b, "abc"); }) == done(3));
    CHECK_FALSE(is_nonblocking(p.a));
  }
  SUBCASE("eventfd") {
    const Fd fd(::eventfd(0, EFD_CLOEXEC));
    CHECK(park(read_into(fd), [&] { CHECK(::eventfd_write(fd, 1) == 0); }) == done(8));
  }
  SUBCASE("timerfd") {
    const Fd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    const itimerspec soon{{0, 0}, {0, 1000}};
    CHECK(park(read_into(fd), [&] { CHECK(::timerfd_settime(fd, 0, &soon, nullptr) == 0); }) == done(8));
  }
  SUBCASE("inotify") {
    std::string folder = temporary_pattern();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    const Fd fd(::inotify_init1(IN_CLOEXEC));
    REQUIRE(::inotify_add_watch(fd, folder.c_str(), IN_DELETE_SELF) >= 0);
    const Said said = park(read_into(fd), [&] { CHECK(::rmdir(folder.c_str()) == 0); });
    CHECK(said.error == 0);
    CHECK(said.result >= static_cast<ssize_t>(sizeof(inotify_event)));
    CHECK_FALSE(is_nonblocking(fd));
  }
  SUBCASE("named FIFO") {
    std::string folder = temporary_pattern();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    const std::string path = folder + "/fifo";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
    CHECK(park(read_into(fd), [&] { put(fd, "abc"); }) == done(3));
    CHECK_FALSE(is_nonblocking(fd));
  }
}

TEST_CASE_FIXTURE(Limits, "readv parks and fills buffer after buffer") {
  const Pair p = make_pipe();
  char first[2], second[8];
  const iovec parts[] = {{first, sizeof first}, {second, sizeof second}};
  CHECK(park([&] { return runtime_readv(p.a, parts, 2); }, [&] { put(p.b, "abcde"); }) == done(5));
  CHECK(std::string(first, 2) + std::string(second, 3) == "abcde");
}

TEST_CASE_FIXTURE(Limits, "write and writev park on a full pipe until all is in") {
  const Pair p = make_pipe();
  const std::size_t filled = fill(p.b);
  std::string text(100'000, 'x');
  const auto drain_all = [&] { runtime::spawn_blocking([&] { drain(p.a, filled + text.size()); }).join(); };

  SUBCASE("write") {
    const Said said = park([&] { return runtime_write(p.b, text.data(), text.size()); }, drain_all);
    CHECK(said == done(100'000));
  }
  SUBCASE("writev") {
    const iovec parts[] = {{text.data(), 1}, {text.data(), 0}, {text.data(), 70'000}, {text.data(), 29'999}};
    CHECK(park([&] { return runtime_writev(p.b, parts, 4); }, drain_all) == done(100'000));
  }
  CHECK_FALSE(is_nonblocking(p.b));
}

TEST_CASE_FIXTURE(Limits, "write parks on a full eventfd") {
  const Fd fd(::eventfd(0, EFD_CLOEXEC));
  REQUIRE(::eventfd_write(fd, 0xfffffffffffffffe) == 0);
  const std::uint64_t one = 1;
  std::uint64_t value;
  const Said said =
      park([&] { return runtime_write(fd, &one, sizeof one); }, [&] { CHECK(::read(fd, &value, sizeof value) == 8); });
  CHECK(said == done(8));
  CHECK_FALSE(is_nonblocking(fd));
}

TEST_CASE_FIXTURE(Limits, "recv, recvfrom and recvmsg park until something comes") {
  const Pair p = make_sockets();
  char buffer[64];
  iovec part{buffer, sizeof buffer};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const auto send_abc = [&] { put(p.b, "abc"); };

  SUBCASE("recv") {
    CHECK(park([&] { return runtime_recv(p.a, buffer, 64, 0); }, send_abc) == done(3));
  }
  SUBCASE("recv of nothing") {
    CHECK(park([&] { return runtime_recv(p.a, buffer, 0, 0); }, send_abc) == done(0));
  }
  SUBCASE("recvfrom") {
    CHECK(park([&] { return runtime_recvfrom(p.a, buffer, 64, 0, nullptr, nullptr); }, send_abc) == done(3));
  }
  SUBCASE("recvmsg") {
    CHECK(park([&] { return runtime_recvmsg(p.a, &message, 0); }, send_abc) == done(3));
  }
  SUBCASE("the end of a stream") {
    const auto end = [&] { CHECK(runtime_shutdown(p.b, SHUT_WR) == 0); };
    CHECK(park([&] { return runtime_recv(p.a, buffer, 64, 0); }, end) == done(0));
  }
  SUBCASE("shutdown of one's own side") {
    const auto end = [&] { CHECK(runtime_shutdown(p.a, SHUT_RD) == 0); };
    CHECK(park([&] { return runtime_recv(p.a, buffer, 64, 0); }, end) == done(0));
  }
  CHECK_FALSE(is_nonblocking(p.a));
}

TEST_CASE_FIXTURE(Limits, "send, sendto and sendmsg park on a full socket until all is out") {
  const Pair p = make_sockets();
  const std::size_t filled = fill(p.b);
  std::string text(1'000'000, 'x');
  iovec parts[] = {{text.data(), 400'000}, {text.data(), 600'000}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const auto drain_all = [&] { runtime::spawn_blocking([&] { drain(p.a, filled + text.size()); }).join(); };

  SUBCASE("send") {
    CHECK(park([&] { return runtime_send(p.b, text.data(), text.size(), 0); }, drain_all) == done(1'000'000));
  }
  SUBCASE("sendto") {
    const auto call = [&] { return runtime_sendto(p.b, text.data(), text.size(), 0, nullptr, 0); };
    CHECK(park(call, drain_all) == done(1'000'000));
  }
  SUBCASE("sendmsg") {
    CHECK(park([&] { return runtime_sendmsg(p.b, &message, 0); }, drain_all) == done(1'000'000));
  }
  CHECK_FALSE(is_nonblocking(p.b));
}

TEST_CASE_FIXTURE(Limits, "send parks while its peer, gone meanwhile, ends it with EPIPE and no signal") {
  Pair p = make_sockets();
  fill(p.b);
  const auto call = [&] { return runtime_send(p.b, "x", 1, MSG_NOSIGNAL); };
  CHECK(park(call, [&] { p.a.reset(); }) == failed(EPIPE));
}

TEST_CASE_FIXTURE(Limits, "accept parks until somebody connects") {
  const Listener listener;
  const Fd client = make_tcp();
  const auto connect = [&] { CHECK(::connect(client, generic(listener.address), sizeof listener.address) == 0); };
  int accepted = -1;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  const auto accept = [&] { return accepted = runtime_accept(listener.fd, reinterpret_cast<sockaddr*>(&peer), &size); };
  const Said said = park(accept, connect);
  const Fd owned(accepted);
  CHECK(said == done(owned));
  CHECK(size == sizeof peer);
  CHECK(peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK_FALSE(is_nonblocking(owned));
  CHECK_FALSE(is_nonblocking(listener.fd));
}

TEST_CASE_FIXTURE(Limits, "poll parks") {
  const Pair p = make_pipe();
  pollfd fd{p.a, POLLIN, 0};
  CHECK(park([&] { return runtime_poll(&fd, 1, -1); }, [&] { put(p.b, "x"); }) == done(1));
  CHECK(fd.revents == POLLIN);
}

TEST_CASE_FIXTURE(Limits, "connect parks until the listener has room") {
  const FullListener listener;
  const Fd client = make_tcp();
  std::vector<Fd> accepted;
  const auto connect = [&] { return runtime_connect(client, generic(listener.address), sizeof listener.address); };
  // The kernel tries again after a second.
  const auto accept_all = [&] {
    for (std::size_t i = 0; i < listener.clients.size() + 1; ++i) {
      accepted.emplace_back(runtime_accept(listener.fd, nullptr, nullptr));
    }
  };
  CHECK(park(connect, accept_all) == done(0));
  CHECK(say(connect) == failed(EISCONN));
  CHECK_FALSE(is_nonblocking(client));
}

TEST_CASE_FIXTURE(Limits, "a signal handler runs, and the call goes on") {
  static volatile std::sig_atomic_t signals;
  signals = 0;
  struct sigaction count {
  }, before{};
  count.sa_handler = [](int) { signals = signals + 1; };  // without SA_RESTART
  REQUIRE(::sigaction(SIGUSR1, &count, &before) == 0);
  const Pair p = make_sockets();
  char byte;
  const pthread_t owner = ::pthread_self();
  const auto signal_then_send = [&] {
    // From another thread, while this one sleeps in the driver.
    runtime::spawn_blocking([&] {
      for (int i = 0; i < 20; ++i) {
        ::pthread_kill(owner, SIGUSR1);
        ::usleep(200);
      }
    }).join();
    put(p.b, "x");
  };
  CHECK(park([&] { return runtime_recv(p.a, &byte, 1, 0); }, signal_then_send) == done(1));
  CHECK(signals > 0);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE_FIXTURE(Limits, "the calls fit on the smallest stack") {
  const Pair p = make_sockets();
  const Pair fifo = make_pipe();
  const Fd file(::memfd_create("posix test", MFD_CLOEXEC));
  runtime::LocalRuntime rt;
  rt.block_on([&] {
    auto waiting = runtime::TaskBuilder().stack_size(16 << 10).spawn_local([&] {
      char bytes[2];
      pollfd fds[] = {{p.a, POLLIN, 0}, {p.a, POLLPRI, 0}, {fifo.a, POLLIN, 0}};
      CHECK(runtime_poll(fds, 3, -1) == 1);
      CHECK(runtime_recv(p.a, bytes, 2, MSG_WAITALL) == 2);
      CHECK(runtime_write(file, bytes, 2) == 2);
      addrinfo* answer = nullptr;
      CHECK(runtime_getaddrinfo("127.0.0.1", "80", nullptr, &answer) == 0);
      ::freeaddrinfo(answer);
      CHECK(runtime_getaddrinfo("localhost", "80", nullptr, &answer) == 0);
      ::freeaddrinfo(answer);
    });
    settle();
    put(p.b, "a");
    settle();
    put(p.b, "b");
    waiting.join();
  });
}

TEST_CASE_FIXTURE(Limits, "two readers of one socket get a message each, in whatever order") {
  const Pair p = make_sockets(SOCK_DGRAM);
  const std::string got = on_fiber([&] {
    const auto receive = [&] {
      char byte = '?';
      CHECK(runtime_recv(p.a, &byte, 1, 0) == 1);
      return byte;
    };
    auto first = runtime::spawn_local(receive);
    auto second = runtime::spawn_local(receive);
    settle();
    put(p.b, "a");
    settle();
    CHECK(first.is_finished() != second.is_finished());
    put(p.b, "b");
    std::string bytes{first.join(), second.join()};
    std::sort(bytes.begin(), bytes.end());
    return bytes;
  });
  CHECK(got == "ab");
}

TEST_CASE_FIXTURE(Limits, "a reader and a writer wait on one socket at once, neither in the other's way") {
  const Pair p = make_sockets();
  const std::size_t filled = fill(p.a);
  on_fiber([&] {
    char byte;
    auto reader = runtime::spawn_local([&] { return runtime_recv(p.a, &byte, 1, 0); });
    auto writer = runtime::spawn_local([&] { return runtime_send(p.a, "w", 1, 0); });
    settle();
    put(p.b, "r");
    CHECK(reader.join() == 1);
    settle();
    CHECK_FALSE(writer.is_finished());
    drain(p.b, filled);
    CHECK(writer.join() == 1);
  });
  CHECK(::recv(p.b, nullptr, 0, MSG_DONTWAIT) == 0);
}

TEST_CASE_FIXTURE(Limits, "a regular file is read and written on the pool, also by the root of block_on") {
  const Fd fd = make_temporary_file();
  runtime::LocalRuntime rt;
  rt.block_on([&] {
    std::string text(300'000, 'x');
    bool sibling_ran = false;
    auto sibling = runtime::spawn_local([&] { sibling_ran = true; });
    // Where this thread has no processor for a moment, the pool's is done before it looks, and there is nothing to wait for.
    for (int tries = 0; tries < 1000 && !sibling_ran; ++tries) {
      REQUIRE(::lseek(fd, 0, SEEK_SET) == 0);
      CHECK(say([&] { return runtime_write(fd, text.data(), text.size()); }) == done(300'000));
    }
    CHECK(sibling_ran);
    sibling.join();
    REQUIRE(::lseek(fd, 0, SEEK_SET) == 0);
    std::string back(400'000, '?');
    CHECK(say([&] { return runtime_read(fd, back.data(), back.size()); }) == done(300'000));
    CHECK(back.compare(0, 300'000, text) == 0);
    CHECK(say([&] { return runtime_read(fd, back.data(), back.size()); }) == done(0));
  });
}
