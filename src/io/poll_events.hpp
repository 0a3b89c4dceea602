#pragma once

#include <poll.h>

#include <cstdint>

#include "driver/fd_watch.hpp"

namespace runtime::inline v1::io {

/// What poll(2) calls a set of driver::Interest bits.
inline short poll_events(std::uint8_t interest) noexcept {
  return static_cast<short>(((interest & driver::kReadable) != 0 ? POLLIN : 0) |
                            ((interest & driver::kWritable) != 0 ? POLLOUT : 0) |
                            ((interest & driver::kPriority) != 0 ? POLLPRI : 0));
}

/// The receiving side of a socket was shut down. Such a datagram socket or Unix listener is "ready" and says EAGAIN all the
/// same to a call that does not block; only a blocking one is told the end. (Linux, up to 6.18 at least.)
inline bool is_shut_for_receiving(int fd) noexcept {
  pollfd look{fd, POLLRDHUP, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLRDHUP) != 0;
}

/// "Ready" only because of news in a socket's error queue, which stay until somebody reads them.
inline bool has_errors_alone(int fd, std::uint8_t interest) noexcept {
  const short wanted = poll_events(interest);
  pollfd look{fd, wanted, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLERR) != 0 && (look.revents & wanted) == 0;
}

}  // namespace runtime::inline v1::io
