#pragma once

// The clients of connections.cpp: every one checks each byte that comes back.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/socket.h>

#include <runtime/runtime.hpp>

namespace connections {

struct Plan {
  std::size_t talkers;  // connections that echo a little
  std::size_t pushers;  // connections that echo `bytes`
  std::uint64_t bytes;
  int rounds;  // of each talker
};

/// Where the server listens: for talkers at several addresses, because ports are not as many as one may want.
struct Addresses {
  std::vector<runtime::net::SocketAddr> talkers;
  runtime::net::SocketAddr pushers;
};

inline void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

/// Of a listener it is inherited by its connections.
inline void make_buffers_small(int fd) {
  const int size = 32 * 1024;
  for (const int buffer : {SO_SNDBUF, SO_RCVBUF}) {
    expect(::setsockopt(fd, SOL_SOCKET, buffer, &size, sizeof size) == 0, "setsockopt");
  }
}

class Clients {
 public:
  Clients(const Plan& plan, const Addresses& addresses)
      : plan_(plan),
        addresses_(addresses),
        all_there_(plan.talkers + plan.pushers),
        all_done_(plan.talkers + plan.pushers) {
    // A period that is no power of two, so that bytes which come at the wrong place are not the right ones.
    pattern_.resize(kPeriod + kPiece);
    for (std::size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = static_cast<char>((i % kPeriod) * 131 >> 3);
  }

  /// Throws: std::runtime_error for the first byte that is wrong; what the sockets throw.
  void run() {
    runtime::scope([this](runtime::Scope& scope) {
      for (std::size_t i = 0; i < plan_.pushers; ++i) {
        scope.spawn([this] { push(); });
      }
      for (std::size_t i = 0; i < plan_.talkers; ++i) {
        scope.spawn([this, i] { talk(i); });
      }
    });
  }

 private:
  static constexpr std::size_t kPeriod = 60'013, kPiece = 16 * 1024;
  // More would overflow the backlogs, and then a client waits a second before it knocks again.
  static constexpr std::size_t kAtTheDoor = 200;

  runtime::net::TcpStream connect(const runtime::net::SocketAddr& address) {
    const auto place = at_the_door_.acquire();
    return runtime::net::TcpStream::connect(address);
  }

  void talk(std::size_t number) {
    const auto stream = connect(addresses_.talkers[number % addresses_.talkers.size()]);
    all_there_.wait();
    char back[64];
    for (int round = 0; round < plan_.rounds; ++round) {
      std::string text = "connection " + std::to_string(number) + ", round " + std::to_string(round) + " ";
      text.resize(sizeof back, '.');
      stream.write_all(text);
      stream.read_exact(back, sizeof back);
      expect(text == std::string_view(back, sizeof back), "a talker was told something else");
    }
    all_done_.wait();  // open until then
  }

  void push() {
    const auto stream = connect(addresses_.pushers);
    make_buffers_small(stream.fd());
    all_there_.wait();
    std::uint64_t sent = 0;
    runtime::join_all_of([&] { send_all(stream, sent); }, [&] { receive_all(stream, sent); });
    all_done_.wait();
  }

  void send_all(const runtime::net::TcpStream& stream, std::uint64_t& sent) {
    while (sent < plan_.bytes) {
      stream.write_all(&pattern_[sent % kPeriod], kPiece);
      sent += kPiece;
    }
    stream.shutdown(SHUT_WR);
  }

  void receive_all(const runtime::net::TcpStream& stream, const std::uint64_t& sent) {
    // At first nobody reads, until every buffer on the way is full.
    for (std::uint64_t before = 1; sent == 0 || sent != before;) {
      before = sent;
      runtime::sleep_for(std::chrono::milliseconds(50));
    }
    expect(sent < 2 << 20, "a writer was not held back, though nobody read");
    std::vector<char> buffer(kPiece);
    std::uint64_t received = 0;
    while (const std::size_t got = stream.read(buffer.data(), buffer.size())) {
      expect(std::memcmp(buffer.data(), &pattern_[received % kPeriod], got) == 0, "a pusher was sent something else");
      received += got;
    }
    expect(received == plan_.bytes, "a pusher got too little, or too much");
  }

  const Plan plan_;
  const Addresses& addresses_;
  std::vector<char> pattern_;
  runtime::sync::Semaphore at_the_door_{kAtTheDoor};
  runtime::sync::Barrier all_there_, all_done_;
};

}  // namespace connections
