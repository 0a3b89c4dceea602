#pragma once

#include <sys/types.h>

#include "base/clock.hpp"
#include "posix/parts.hpp"

namespace runtime::inline v1::posix {

/// How a terminal without line editing ends a read: VMIN and VTIME of termios(3).
struct RawMode {
  bool counts_bytes;  // false: one byte or one line ends it, as anywhere else
  unsigned bytes;     // VMIN
  base::Nanos time;   // VTIME; 0: no limit
};
RawMode raw_mode_of(int fd) noexcept;

/// Reads as such a terminal promises: `bytes` of them; or, with a time, what has come when it is over. The time counts
/// from the last byte, with `bytes` == 0 from the start.
ssize_t read_raw(int fd, Parts parts, RawMode mode) noexcept;

}  // namespace runtime::inline v1::posix
