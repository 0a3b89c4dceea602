#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "echo_load.hpp"

namespace bench {

/// Clients of an echo server that holds many connections and hears from few at a time: N are open, and at most kUnderWay
/// of them, chosen at random, have a message under way. A process of its own; an epoll loop.
///
/// Make it before the program has other threads. Thread safety: one thread.
class GrowthLoad {
 public:
  static constexpr std::uint64_t kUnderWay = 50;

  /// Connects to 127.0.0.1:port, sends `total` messages in all, and closes every connection. Returns at once.
  GrowthLoad(std::uint16_t port, std::uint64_t connections, std::uint64_t total) : child_(fork()) {
    if (child_ < 0) throw_errno("fork");
    if (child_ == 0) {
      Client(port, connections).run(total);
      _exit(0);
    }
  }
  GrowthLoad(const GrowthLoad&) = delete;
  GrowthLoad& operator=(const GrowthLoad&) = delete;
  ~GrowthLoad() { waitpid(child_, nullptr, 0); }

 private:
  // What goes wrong here, the server would wait for in vain: so the whole program ends.
  [[noreturn]] static void fail(const char* call) {
    std::perror(call);
    kill(getppid(), SIGTERM);
    _exit(1);
  }

  class Client {
   public:
    Client(std::uint16_t port, std::uint64_t connections) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
      if (epoll_ < 0) fail("epoll_create1");
      for (std::uint64_t i = 0; i < connections; ++i) {
        idle_.push_back(connect_to(port, i));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = idle_.back();
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, idle_.back(), &event) != 0) fail("epoll_ctl");
      }
    }

    void run(std::uint64_t total) {
      std::uint64_t sent = std::min({total, kUnderWay, std::uint64_t{idle_.size()}});
      for (std::uint64_t i = 0; i < sent; ++i) send_one();
      epoll_event events[kUnderWay];
      for (std::uint64_t received = 0; received < total;) {
        const int count = epoll_wait(epoll_, events, kUnderWay, -1);
        for (int i = 0; i < count; ++i) {
          char back[kEchoSize];
          if (recv(events[i].data.fd, back, sizeof back, MSG_WAITALL) != sizeof back) fail("recv");
          idle_.push_back(events[i].data.fd);
          ++received;
          if (sent < total) {
            send_one();
            ++sent;
          }
        }
      }
    }

   private:
    /// One address has some 28,000 ports to connect from, so every 20,000 connections have one of their own.
    static int connect_to(std::uint16_t port, std::uint64_t number) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(number / 20'000));
      auto* const raw = reinterpret_cast<sockaddr*>(&address);
      const int yes = 1;
      // Without the option, a port would be taken at once, and for every server.
      if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) != 0 ||
          bind(fd, raw, sizeof address) != 0) {
        fail("a client's socket");
      }
      address.sin_port = htons(port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (connect(fd, raw, sizeof address) != 0) fail("connect");
      return fd;
    }

    void send_one() {
      std::uniform_int_distribution<std::size_t> pick(0, idle_.size() - 1);
      std::swap(idle_[pick(random_)], idle_.back());
      if (send(idle_.back(), message_, sizeof message_, MSG_NOSIGNAL) != sizeof message_) fail("send");
      idle_.pop_back();
    }

    int epoll_;
    std::vector<int> idle_;
    std::mt19937_64 random_{1};
    const char message_[kEchoSize] = "an echo";
  };

  pid_t child_;
};

}  // namespace bench
