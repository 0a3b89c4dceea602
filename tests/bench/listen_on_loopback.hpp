#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace bench {

struct Listening {
  int fd;
  std::uint16_t port;
};

/// A listening socket on a free port of 127.0.0.1; `flags` are those of socket(). The caller closes it.
inline Listening listen_on_loopback(int flags) {
  const int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, raw, size) != 0 || listen(fd, 1024) != 0 || getsockname(fd, raw, &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "a listening socket");
  }
  return {fd, ntohs(address.sin_port)};
}

}  // namespace bench
