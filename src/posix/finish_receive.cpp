#include "posix/finish_receive.hpp"

#include <poll.h>
#include <sys/ioctl.h>

#include "posix/descriptor.hpp"
#include "posix/parts.hpp"

namespace runtime::inline v1::posix {
namespace {

bool has_descriptors(msghdr& message) noexcept {
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr; item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) return true;
  }
  return false;
}

/// The stream has ended, or has failed with nothing left to read: the next receive would take the pending error, which
/// belongs to the program's next call, as bytes count more.
bool is_over(int fd) noexcept {
  int unread = 0;
  return is_broken(fd) && ::ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
}

bool has_ended(int fd) noexcept {
  pollfd look{fd, POLLRDHUP, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/// What one more receive said beside the bytes. Ancillary data that came before stays unless there is new.
void merge(msghdr& answer, const msghdr& piece) noexcept {
  answer.msg_flags = piece.msg_flags;
  answer.msg_namelen = piece.msg_namelen;
  if (piece.msg_controllen > 0) answer.msg_controllen = piece.msg_controllen;
}

/// A peek takes nothing, so each try begins anew; and as what is there keeps the socket readable, readiness does not
/// tell when there is more.
ssize_t peek_all(int fd, const msghdr& asked, msghdr& answer, int flags, ssize_t first, Patience& patience) noexcept {
  const auto wanted = static_cast<ssize_t>(Parts(asked.msg_iov, asked.msg_iovlen).bytes());
  ssize_t seen = first;
  while (seen < wanted) {
    // Asked before the look, which then sees all that came before the end.
    const bool is_last = has_ended(fd);
    msghdr look = asked;
    const ssize_t result = ::recvmsg(fd, &look, flags | MSG_DONTWAIT);
    if (result > 0) {
      merge(answer, look);
      seen = result;
    }
    if (is_last || seen >= wanted || !patience.pause()) break;
  }
  return seen;
}

}  // namespace

ssize_t finish_receive(int fd, const msghdr& asked, msghdr& answer, int flags, ssize_t first,
                       Patience& patience) noexcept {
  const Parts parts(asked.msg_iov, asked.msg_iovlen);
  if (static_cast<std::size_t>(first) >= parts.bytes() || !is_stream_socket(fd)) return first;
  if ((flags & MSG_PEEK) != 0) return peek_all(fd, asked, answer, flags, first, patience);
  const auto receive_more = [&](Parts& rest, ssize_t) -> ssize_t {
    if (is_over(fd)) return 0;
    msghdr piece = asked;
    piece.msg_iov = rest.data();
    piece.msg_iovlen = rest.count();
    const ssize_t result = ::recvmsg(fd, &piece, flags | MSG_DONTWAIT);
    if (result > 0) merge(answer, piece);
    return result;
  };
  return finish(parts, first, receive_more, [&] { return !has_descriptors(answer) && patience.wait(); });
}

}  // namespace runtime::inline v1::posix
