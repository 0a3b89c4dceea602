#include "posix/finish_send.hpp"

#include <cerrno>

#include "io/wait.hpp"
#include "posix/descriptor.hpp"
#include "posix/parts.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

/// The next piece. With bytes out already it carries neither the address nor the ancillary data again, and raises no
/// SIGPIPE: the call will return a count, and POSIX has the signal only with EPIPE.
ssize_t send_piece(int fd, const msghdr& message, int flags, Parts& parts, ssize_t moved) noexcept {
  if (moved > 0 && is_broken(fd)) {
    errno = EPIPE;
    return -1;
  }
  msghdr piece{};
  piece.msg_iov = parts.data();
  piece.msg_iovlen = parts.count();
  if (moved > 0) return ::sendmsg(fd, &piece, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
  piece.msg_name = message.msg_name;
  piece.msg_namelen = message.msg_namelen;
  piece.msg_control = message.msg_control;
  piece.msg_controllen = message.msg_controllen;
  return ::sendmsg(fd, &piece, flags | MSG_DONTWAIT);
}

}  // namespace

ssize_t finish_send(int fd, const msghdr& message, int flags, ssize_t first) noexcept {
  // TCP Fast Open: where no cookie is known yet the connection has been begun, and nothing sent.
  const bool connects = first < 0 && errno == EINPROGRESS && (flags & MSG_FASTOPEN) != 0;
  const bool goes_on = first >= 0 || errno == EAGAIN || errno == EINTR || connects;
  if (!goes_on || (flags & MSG_DONTWAIT) != 0) return first;
  Patience patience(fd, io::kWritable, SO_SNDTIMEO);
  if (connects) {
    if (patience.is_refused()) return first;
    errno = EAGAIN;
  }
  const Parts parts(message.msg_iov, message.msg_iovlen);
  if (first >= 0 && (static_cast<std::size_t>(first) >= parts.bytes() || !is_stream_socket(fd))) return first;

  if (connects || first > 0) flags &= ~MSG_FASTOPEN;
  return finish(
      parts, first, [&](Parts& rest, ssize_t moved) { return send_piece(fd, message, flags, rest, moved); },
      [&] { return patience.wait(); });
}

}  // namespace runtime::inline v1::posix
