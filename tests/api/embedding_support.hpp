#pragma once

// What the tests of embedding share: a loop of the program's own, around poll(), and a socket pair.

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "support.hpp"

namespace api_test {

inline bool is_readable(int fd, std::chrono::milliseconds limit = 0ms) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(limit.count())) == 1;
}

/// The loop of the program: sleeps in poll() and calls run_ready() when that says so, never otherwise.
class PollLoop {
 public:
  explicit PollLoop(LocalRuntime& rt) : rt_(rt), fd_(rt.poll_fd()) {}

  /// False when poll() had nothing to say for ten seconds.
  template <class Done>
  bool run_until(Done is_done) {
    while (!is_done()) {
      if (!is_readable(fd_, 10s)) return false;
      const std::size_t made = rt_.run_ready();
      ++passes;
      if (made == 0) ++in_vain;
      resumes += made;
    }
    return true;
  }
  bool is_readable_now() const { return is_readable(fd_); }

  std::size_t passes = 0;
  std::size_t in_vain = 0;  // poll() said that there was work, and there was none
  std::size_t resumes = 0;

 private:
  LocalRuntime& rt_;
  int fd_;
};

/// Both ends of a socket pair, which may be closed by the test before.
struct Pair {
  std::array<int, 2> fds{-1, -1};
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0); }
  ~Pair() {
    for (const int fd : fds) {
      if (fd >= 0) ::close(fd);
    }
  }
};

}  // namespace api_test
