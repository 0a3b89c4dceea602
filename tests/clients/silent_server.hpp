// A server that takes what it is sent and never answers: for calls that are to be ended in the middle.
#pragma once

#include <cerrno>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "work.hpp"

namespace clients {

// Nobody accepts: the kernel completes connections up to the backlog, and keeps what they send.
// Owns: the socket. Thread safety: none needed, its members only read.
class SilentServer {
 public:
  // SOCK_STREAM or SOCK_DGRAM, on a port of 127.0.0.1 that is free.
  explicit SilentServer(int type) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (fd_ < 0 || ::bind(fd_, generic, size) != 0 || (type == SOCK_STREAM && ::listen(fd_, 8) != 0) ||
        ::getsockname(fd_, generic, &size) != 0) {
      const int error = errno;
      if (fd_ >= 0) ::close(fd_);
      throw Wrong("a silent server: " + std::system_category().message(error));
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(fd_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  int port() const { return port_; }

 private:
  int fd_;
  int port_ = 0;
};

}  // namespace clients
