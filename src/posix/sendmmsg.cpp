#include <sys/socket.h>

#include <runtime/posix.h>

#include <algorithm>
#include <climits>

#include "io/wait.hpp"
#include "posix/finish_send.hpp"
#include "posix/parts.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

std::size_t size_of(const mmsghdr& message) noexcept {
  return Parts(message.msg_hdr.msg_iov, message.msg_hdr.msg_iovlen).bytes();
}

/// Goes on with a message as send() does; `first` and errno: what the first try said. True: all of it is out.
bool finish_message(int fd, mmsghdr& message, int flags, ssize_t first) noexcept {
  const ssize_t sent = finish_send(fd, message.msg_hdr, flags, first);
  if (sent >= 0) message.msg_len = static_cast<unsigned>(sent);
  return sent >= 0 && static_cast<std::size_t>(sent) >= size_of(message);
}

int send_all(int fd, mmsghdr* messages, unsigned count, int flags) noexcept {
  unsigned done = 0;
  do {
    const int sent = ::sendmmsg(fd, messages + done, count - done, flags | MSG_DONTWAIT);
    if (sent == 0) break;
    mmsghdr* current = messages + done;
    if (sent > 0) {
      done += static_cast<unsigned>(sent);
      current += sent - 1;
      // On a stream the last one may have gone out in part, and then nothing may come in between.
      if (current->msg_len < size_of(*current) && !finish_message(fd, *current, flags, current->msg_len)) break;
      continue;
    }
    // What the kernel could not read is not looked into here either.
    if (errno != EAGAIN && errno != EINTR && errno != EINPROGRESS) return done > 0 ? static_cast<int>(done) : -1;
    current->msg_len = 0;
    const bool is_whole = finish_message(fd, *current, flags, -1);
    if (is_whole || current->msg_len > 0) ++done;
    if (!is_whole) return done > 0 ? static_cast<int>(done) : -1;
  } while (done < count);
  return static_cast<int>(done);
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_sendmmsg(int fd, mmsghdr* messages, unsigned int count, int flags) {
  if (!io::begin_call()) return ::sendmmsg(fd, messages, count, flags);
  const posix::KeepErrno errno_before;
  // As many as the kernel takes in one call.
  const unsigned taken = std::min<unsigned>(count, IOV_MAX);
  return errno_before.unless_failed(posix::send_all(fd, messages, taken, flags));
}
