#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "base/unique_fd.hpp"

namespace test {

/// Two descriptors that belong together, closed with their owner.
struct FdPair {
  runtime::base::UniqueFd first, second;
};

/// first reads, second writes.
inline FdPair make_pipe() {
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
  return {runtime::base::UniqueFd(fds[0]), runtime::base::UniqueFd(fds[1])};
}

inline FdPair make_sockets() {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
  return {runtime::base::UniqueFd(fds[0]), runtime::base::UniqueFd(fds[1])};
}

inline void write_byte(const runtime::base::UniqueFd& fd) { CHECK(::write(fd.get(), "x", 1) == 1); }

inline void fill(const runtime::base::UniqueFd& fd) {
  const char bytes[4096] = {};
  while (::write(fd.get(), bytes, sizeof bytes) > 0) {
  }
  while (::write(fd.get(), bytes, 1) > 0) {
  }
}

}  // namespace test
