#pragma once

#include <netinet/in.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <system_error>
#include <vector>

namespace bench {

constexpr std::size_t kEchoSize = 64;

[[noreturn]] inline void throw_errno(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

/// This process, and the children it makes, run there only. A machine with one processor has no other.
inline void pin_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  static_cast<void>(sched_setaffinity(0, sizeof set, &set));
}

/// What the clients of an echo server are told to do.
struct EchoOrder {
  std::uint16_t port;  // of 127.0.0.1
  std::uint64_t connections;
  std::uint64_t total;  // messages, on all connections together
};

/// The clients of one server: N connections, on each of which one message of 64 bytes is always under way. An epoll
/// loop, so that it can keep any server busy. Returns when all messages have come back and every connection is closed.
///
/// Throws: std::system_error naming the call that failed. The descriptors stay open then: the process is to end.
inline void run_echo_clients(const EchoOrder& order) {
  const int epoll = epoll_create1(0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(order.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> fds;
  for (std::uint64_t i = 0; i < order.connections; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw_errno("connect");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
    fds.push_back(fd);
  }
  char message[kEchoSize] = "an echo";
  std::uint64_t sent = 0, received = 0;
  const auto send_one = [&](int fd) {
    if (send(fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message) throw_errno("send");
    ++sent;
  };
  for (const int fd : fds) {
    if (sent < order.total) send_one(fd);
  }
  epoll_event events[128];
  while (received < order.total) {
    const int count = epoll_wait(epoll, events, 128, -1);
    if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
    for (int i = 0; i < count; ++i) {
      char back[kEchoSize];
      const ssize_t got = recv(events[i].data.fd, back, sizeof back, MSG_WAITALL);
      if (got >= 0 && got < static_cast<ssize_t>(sizeof back)) errno = ECONNRESET;  // the server has hung up
      if (got != sizeof back) throw_errno("recv of an echo");
      ++received;
      if (sent < order.total) send_one(events[i].data.fd);
    }
  }
  for (const int fd : fds) close(fd);
  close(epoll);
}

/// Runs the clients in a process of their own, forked from this one; echo_client.cpp is a program that does the same.
///
/// Make it before the program has other threads. Thread safety: one thread.
class EchoLoad {
 public:
  EchoLoad() {
    if (pipe(orders_) != 0) throw_errno("pipe");
    child_ = fork();
    if (child_ < 0) throw_errno("fork");
    if (child_ == 0) {
      close(orders_[1]);
      serve_orders();
    }
    close(orders_[0]);
  }
  EchoLoad(const EchoLoad&) = delete;
  EchoLoad& operator=(const EchoLoad&) = delete;
  ~EchoLoad() {
    close(orders_[1]);
    waitpid(child_, nullptr, 0);
  }

  /// Connects to 127.0.0.1:port, sends `total` messages in all, and closes every connection. Returns at once.
  void start(std::uint16_t port, std::uint64_t connections, std::uint64_t total) {
    const EchoOrder order{port, connections, total};
    if (write(orders_[1], &order, sizeof order) != sizeof order) throw_errno("write to the load");
  }

 private:
  [[noreturn]] void serve_orders() {
    try {
      EchoOrder order;
      while (read(orders_[0], &order, sizeof order) == sizeof order) run_echo_clients(order);
      _exit(0);
    } catch (const std::exception& error) {
      // What went wrong here, the server would wait for in vain: so the whole program ends.
      std::fprintf(stderr, "the clients: %s\n", error.what());
      kill(getppid(), SIGTERM);
      _exit(1);
    }
  }

  int orders_[2];
  pid_t child_;
};

/// Descriptors for so many connections. False: the system does not allow them.
inline bool allow_connections(std::uint64_t connections) {
  rlimit limit{};
  const rlim_t wanted = connections + 20;  // some peers can have no more than 1,024
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= wanted) return true;
  const rlimit raised{wanted, std::max(wanted, limit.rlim_max)};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0;
}

}  // namespace bench
