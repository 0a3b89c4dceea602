#pragma once

#include <sys/socket.h>

namespace runtime::inline v1::posix {

/// The kernel holds closing up, for non-blocking sockets too, until the data is out or the time is over.
inline bool lingers(int fd) noexcept {
  linger option{};
  socklen_t size = sizeof option;
  return ::getsockopt(fd, SOL_SOCKET, SO_LINGER, &option, &size) == 0 && option.l_onoff != 0 && option.l_linger > 0;
}

}  // namespace runtime::inline v1::posix
