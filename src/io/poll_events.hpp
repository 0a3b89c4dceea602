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

}  // namespace runtime::inline v1::io
