#pragma once

#include <sys/socket.h>
#include <sys/types.h>

namespace runtime::inline v1::posix {

/// Goes on with a send that the kernel has not taken whole: `first` is the result of a first try with MSG_DONTWAIT, and
/// errno if it is -1. `message` and `flags` are the program's. On a stream it ends when all is sent.
ssize_t finish_send(int fd, const msghdr& message, int flags, ssize_t first) noexcept;

}  // namespace runtime::inline v1::posix
