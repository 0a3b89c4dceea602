#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "echo_load.hpp"
#include "listen_on_loopback.hpp"

namespace bench {

/// The floor of an echo server: one epoll set, level-triggered, in which every connection stays; recv and send.
///
/// Owns: its descriptors. Thread safety: one thread.
class RawEcho {
 public:
  RawEcho() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw_errno("epoll_create1");
    const Listening listening = listen_on_loopback(SOCK_NONBLOCK);
    listener_ = listening.fd;
    port_ = listening.port;
    add(listener_);
  }
  RawEcho(const RawEcho&) = delete;
  RawEcho& operator=(const RawEcho&) = delete;
  ~RawEcho() {
    close(listener_);
    close(epoll_);
  }

  std::uint16_t port() const { return port_; }

  /// Until as many connections as have come have gone. `on_echo()` is told of each message.
  template <class F>
  void serve(F on_echo) {
    epoll_event events[128];
    for (std::uint64_t come = 0, gone = 0; come == 0 || gone < come;) {
      const int count = epoll_wait(epoll_, events, 128, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) {
          add(accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK));
          ++come;
          continue;
        }
        char buffer[4096];
        const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got <= 0) {
          close(fd);
          ++gone;
        } else {
          if (send(fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) throw_errno("send");
          on_echo();
        }
      }
    }
  }

 private:
  void add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (fd < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("a connection");
  }

  int epoll_;
  int listener_;
  std::uint16_t port_;
};

}  // namespace bench
