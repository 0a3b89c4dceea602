// Much data, in pieces that no kernel buffer holds: all of it arrives, once and in order.

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstring>
#include <functional>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

/// Bytes that tell their place: a piece that is lost, doubled or out of order does not go unseen.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 12345;
  for (char& byte : text) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return text;
}

std::string read_all(int fd, std::size_t piece) {
  std::string all, buffer(piece, '\0');
  for (ssize_t n; (n = runtime_read(fd, buffer.data(), piece)) != 0;) {
    CHECK(n > 0);
    if (n < 0) break;
    all.append(buffer, 0, static_cast<std::size_t>(n));
  }
  return all;
}

/// One fiber sends all and ends its side, another one receives; true when what came is what went.
bool arrives(Pair ends, const std::string& text, std::function<Said(int fd)> send, std::size_t piece) {
  return on_fiber([&] {
    auto receiver = runtime::spawn_local([&] { return read_all(ends.a, piece); });
    const Said said = send(ends.b);
    CHECK(said == done(static_cast<ssize_t>(text.size())));
    ends.b.reset();
    return receiver.join() == text;
  });
}

constexpr std::size_t kMuch = 16 << 20;

}  // namespace

TEST_CASE_FIXTURE(Limits, "16 MiB in one write, send or sendmsg go through a socket and a pipe") {
  std::string text = pattern(kMuch);
  const auto write = [&](int fd) { return say([&] { return runtime_write(fd, text.data(), text.size()); }); };
  const auto send = [&](int fd) { return say([&] { return runtime_send(fd, text.data(), text.size(), 0); }); };
  CHECK(arrives(make_pipe(), text, write, 65536));
  CHECK(arrives(make_sockets(), text, write, 10'007));
  CHECK(arrives(make_tcp_pair(), text, send, 65536));
}

TEST_CASE_FIXTURE(Limits, "a thousand buffers of all sizes, empty ones too, go out in one writev or sendmsg") {
  std::string text = pattern(4 << 20);
  std::vector<iovec> parts;
  std::size_t at = 0;
  for (std::size_t i = 0; at < text.size(); ++i) {
    const std::size_t size = i == 1000 ? text.size() - at : std::min((i * 7919) % 8192, text.size() - at);
    parts.push_back({text.data() + at, size});
    at += size;
  }
  REQUIRE(parts.size() <= 1024);
  const int count = static_cast<int>(parts.size());
  const auto writev = [&](int fd) { return say([&] { return runtime_writev(fd, parts.data(), count); }); };
  const auto sendmsg = [&](int fd) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return say([&] { return runtime_sendmsg(fd, &message, 0); });
  };
  CHECK(arrives(make_pipe(), text, writev, 4096));
  CHECK(arrives(make_sockets(), text, writev, 65536));
  CHECK(arrives(make_tcp_pair(), text, sendmsg, 50'000));
}

TEST_CASE_FIXTURE(Limits, "MSG_WAITALL collects what comes in pieces, into one buffer and into several") {
  const Pair p = make_sockets();
  const std::string text = pattern(1 << 20);
  const auto send_in_pieces = [&] {
    for (std::size_t at = 0; at < text.size(); at += 9973) {
      const std::size_t size = std::min<std::size_t>(9973, text.size() - at);
      CHECK(runtime_send(p.b, text.data() + at, size, 0) == static_cast<ssize_t>(size));
      runtime::yield_now();
    }
  };
  std::string got(text.size(), '\0');
  iovec parts[] = {{got.data(), 1}, {got.data() + 1, 500'000}, {got.data() + 500'001, got.size() - 500'001}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  std::function<ssize_t()> receive;
  SUBCASE("recv") {
    receive = [&] { return runtime_recv(p.a, got.data(), got.size(), MSG_WAITALL); };
  }
  SUBCASE("recvmsg") {
    receive = [&] { return runtime_recvmsg(p.a, &message, MSG_WAITALL); };
  }
  const Said said = on_fiber([&] {
    auto sender = runtime::spawn_local(send_in_pieces);
    const Said result = say(receive);
    sender.join();
    return result;
  });
  CHECK(said == done(1 << 20));
  CHECK(got == text);
}

TEST_CASE_FIXTURE(Limits, "MSG_PEEK with MSG_WAITALL waits for all, and takes nothing") {
  const Pair p = make_sockets();
  char buffer[8] = {};
  on_fiber([&] {
    auto looker =
        runtime::spawn_local([&] { return say([&] { return runtime_recv(p.a, buffer, 6, MSG_PEEK | MSG_WAITALL); }); });
    CHECK(::send(p.b, "abc", 3, 0) == 3);
    settle();
    CHECK_FALSE(looker.is_finished());
    CHECK(::send(p.b, "defg", 4, 0) == 4);
    CHECK(looker.join() == done(6));
  });
  CHECK(std::string(buffer) == "abcdef");
  CHECK(::recv(p.a, buffer, 8, 0) == 7);
}

TEST_CASE_FIXTURE(Limits, "messages stay whole, one for each call") {
  const Pair p = make_sockets(SOCK_SEQPACKET);
  on_fiber([&] {
    auto sender = runtime::spawn_local([&] {
      for (int i = 1; i <= 3000; ++i) {
        const std::string text(static_cast<std::size_t>(i), static_cast<char>(i));
        CHECK(runtime_send(p.b, text.data(), text.size(), 0) == i);
      }
    });
    char buffer[4096];
    for (int i = 1; i <= 3000; ++i) {
      CHECK(runtime_recv(p.a, buffer, sizeof buffer, MSG_WAITALL) == i);
      CHECK(buffer[i - 1] == static_cast<char>(i));
    }
    sender.join();
  });
}

TEST_CASE_FIXTURE(Limits, "small writes of many fibers to one pipe do not mix") {
  const Pair p = make_pipe();
  constexpr int kWriters = 20, kEach = 100;
  on_fiber([&] {
    std::vector<runtime::JoinHandle<void>> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.push_back(runtime::spawn_local([&p, w] {
        const std::string text(1000, static_cast<char>('a' + w));
        for (int i = 0; i < kEach; ++i) CHECK(runtime_write(p.b, text.data(), text.size()) == 1000);
      }));
    }
    for (int i = 0; i < kWriters * kEach; ++i) {
      char text[1000];
      std::size_t size = 0;
      while (size < sizeof text) {
        const ssize_t n = runtime_read(p.a, text + size, sizeof text - size);
        CHECK(n > 0);
        if (n <= 0) return;
        size += static_cast<std::size_t>(n);
      }
      CHECK(std::string(text, 1000) == std::string(1000, text[0]));
    }
    for (auto& writer : writers) writer.join();
  });
}

TEST_CASE_FIXTURE(Limits, "a send whose peer goes half-way returns what was sent, then EPIPE") {
  Pair p = make_sockets();
  const std::string text(8 << 20, 'x');
  struct sigaction count {
  }, before{};
  static volatile std::sig_atomic_t signals;
  signals = 0;
  count.sa_handler = [](int) { signals = signals + 1; };
  REQUIRE(::sigaction(SIGPIPE, &count, &before) == 0);
  on_fiber([&] {
    auto sender =
        runtime::spawn_local([&] { return say([&] { return runtime_write(p.b, text.data(), text.size()); }); });
    settle();
    p.a.reset();
    const Said said = sender.join();
    CHECK(said.error == 0);
    CHECK(said.result > 0);
    CHECK(said.result < static_cast<ssize_t>(text.size()));
    CHECK(signals == 0);
    // The kernel keeps for this call what a plain thread would get.
    CHECK(say([&] { return runtime_write(p.b, "x", 1); }).result == -1);
  });
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_CASE_FIXTURE(Limits,
                  "a connection reset half-way: first the bytes, then the error, though the call met it before") {
  const linger at_once{1, 0};
  const auto reset = [&](Fd& fd) {
    CHECK(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    fd.reset();
  };
  const std::string text(32 << 20, 'x');
  char buffer[8];
  on_fiber([&] {
    Pair out = make_tcp_pair();
    auto sender =
        runtime::spawn_local([&] { return say([&] { return runtime_send(out.a, text.data(), text.size(), 0); }); });
    Pair in = make_tcp_pair();
    auto receiver =
        runtime::spawn_local([&] { return say([&] { return runtime_recv(in.a, buffer, 8, MSG_WAITALL); }); });
    CHECK(::send(in.b, "abc", 3, 0) == 3);
    settle();
    reset(out.b);
    reset(in.b);
    const Said sent = sender.join();
    CHECK(sent.error == 0);
    CHECK(sent.result > 0);
    CHECK(sent.result < static_cast<ssize_t>(text.size()));
    CHECK(say([&] { return runtime_send(out.a, "x", 1, 0); }) == failed(ECONNRESET));
    CHECK(receiver.join() == done(3));
    CHECK(say([&] { return runtime_recv(in.a, buffer, 8, 0); }) == failed(ECONNRESET));
    CHECK(say([&] { return runtime_recv(in.a, buffer, 8, 0); }) == done(0));
  });
}

TEST_CASE_FIXTURE(Limits, "a descriptor made non-blocking by the program answers at once, with a part or with EAGAIN") {
  const Pair p = make_sockets();
  set_nonblocking(p.a);
  set_nonblocking(p.b);
  const std::string text(8 << 20, 'x');
  on_fiber([&] {
    char byte;
    CHECK(say([&] { return runtime_recv(p.a, &byte, 1, 0); }) == failed(EAGAIN));
    CHECK(say([&] { return runtime_recv(p.a, &byte, 1, MSG_WAITALL); }) == failed(EAGAIN));
    const Said part = say([&] { return runtime_send(p.b, text.data(), text.size(), 0); });
    CHECK(part.result > 0);
    CHECK(part.result < static_cast<ssize_t>(text.size()));
    CHECK(say([&] { return runtime_send(p.b, text.data(), text.size(), 0); }) == failed(EAGAIN));
  });
}
