#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include "posix/patience.hpp"

namespace runtime::inline v1::posix {

/// MSG_WAITALL: goes on until all buffers are full, after a first receive that brought `first` bytes.
///
/// asked: the message as the program gave it; answer: as the first receive filled it in, and this goes on to.
/// Ends early as in the kernel: at the end of the stream, at an error, the time limit, or a message with descriptors.
ssize_t finish_receive(int fd, const msghdr& asked, msghdr& answer, int flags, ssize_t first,
                       Patience& patience) noexcept;

}  // namespace runtime::inline v1::posix
