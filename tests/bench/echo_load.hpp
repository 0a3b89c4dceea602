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
#include <cstdlib>
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

/// Clients of an echo server, in a process of their own: N connections, on each of which one message of 64 bytes is
/// always under way. An epoll loop, so that it can keep any server busy.
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
    const Order order{port, connections, total};
    if (write(orders_[1], &order, sizeof order) != sizeof order) throw_errno("write to the load");
  }

 private:
  struct Order {
    std::uint16_t port;
    std::uint64_t connections, total;
  };

  // What goes wrong here, the server would wait for in vain: so the whole program ends.
  [[noreturn]] static void fail(const char* call) {
    std::perror(call);
    kill(getppid(), SIGTERM);
    _exit(1);
  }

  [[noreturn]] void serve_orders() {
    Order order;
    while (read(orders_[0], &order, sizeof order) == sizeof order) run(order);
    _exit(0);
  }

  static int connect_to(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
    return fd;
  }

  static void run(const Order& order) {
    const int epoll = epoll_create1(0);
    std::vector<int> fds;
    for (std::uint64_t i = 0; i < order.connections; ++i) {
      fds.push_back(connect_to(order.port));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = fds.back();
      if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds.back(), &event) != 0) fail("epoll_ctl");
    }
    char message[kEchoSize] = "an echo";
    std::uint64_t sent = 0, received = 0;
    const auto send_one = [&](int fd) {
      if (send(fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message) fail("send");
      ++sent;
    };
    for (const int fd : fds) {
      if (sent < order.total) send_one(fd);
    }
    epoll_event events[128];
    while (received < order.total) {
      const int count = epoll_wait(epoll, events, 128, -1);
      for (int i = 0; i < count; ++i) {
        char back[kEchoSize];
        if (recv(events[i].data.fd, back, sizeof back, MSG_WAITALL) != sizeof back) fail("recv");
        ++received;
        if (sent < order.total) send_one(events[i].data.fd);
      }
    }
    for (const int fd : fds) close(fd);
    close(epoll);
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
