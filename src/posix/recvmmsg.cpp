#include <poll.h>
#include <sys/socket.h>

#include <runtime/posix.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "io/wait.hpp"
#include "posix/descriptor.hpp"
#include "posix/finish_receive.hpp"
#include "posix/patience.hpp"
#include "posix/time_limit.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::posix {
namespace {

/// One message of MSG_WAITALL on a stream, with all its bytes.
int receive_whole(int fd, mmsghdr& message, int flags, Patience& patience) noexcept {
  const msghdr asked = message.msg_hdr;
  const ssize_t first = until_received(
      patience, [&] { return ::recvmsg(fd, &message.msg_hdr, flags | MSG_DONTWAIT); },
      [&] { return ::recvmsg(fd, &message.msg_hdr, flags); });
  if (first < 0) return -1;
  const ssize_t all = first == 0 ? 0 : finish_receive(fd, asked, message.msg_hdr, flags, first, patience);
  message.msg_len = static_cast<unsigned>(all);
  return 1;
}

/// Says so of news in the error queue, too: to end with the messages that are there does no harm then.
bool may_have_failed(int fd) noexcept {
  pollfd look{fd, 0, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLERR) != 0;
}

/// At least one message, or -1. The time limit of the socket counts for each anew. is_first: none have come before, so
/// an error is this call's; later it belongs to the next one, and is left where it is.
int receive_some(int fd, mmsghdr* messages, unsigned count, int flags, bool is_first) noexcept {
  Patience patience(fd, io::kReadable, SO_RCVTIMEO);
  if ((flags & MSG_WAITALL) != 0 && is_stream_socket(fd)) return receive_whole(fd, *messages, flags, patience);
  return until_received(
      patience,
      [&] {
        if (is_first || !may_have_failed(fd)) return ::recvmmsg(fd, messages, count, flags | MSG_DONTWAIT, nullptr);
        errno = EIO;
        return -1;
      },
      [&] { return ::recvmmsg(fd, messages, count, flags, nullptr); });
}

/// As with recvmsg(): urgent data ends it.
bool is_urgent(const mmsghdr& message) noexcept { return (message.msg_hdr.msg_flags & MSG_OOB) != 0; }

int receive_all(int fd, mmsghdr* messages, unsigned count, int flags, base::Nanos deadline) noexcept {
  unsigned done = 0;
  while (done < count) {
    const int received = receive_some(fd, messages + done, count - done, flags, done == 0);
    if (received <= 0) return done > 0 ? static_cast<int>(done) : received;
    done += static_cast<unsigned>(received);
    if ((flags & MSG_WAITFORONE) != 0 || is_urgent(messages[done - 1]) || time::now() >= deadline) break;
  }
  return static_cast<int>(done);
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace base = runtime::base;
namespace io = runtime::io;
namespace posix = runtime::posix;
namespace rt_time = runtime::time;

int runtime_recvmmsg(int fd, mmsghdr* messages, unsigned int count, int flags, timespec* limit) {
  if (!io::begin_call()) return ::recvmmsg(fd, messages, count, flags, limit);
  const posix::KeepErrno errno_before;
  base::Nanos nanos;
  if (!posix::read_limit(limit, nanos)) return -1;
  // No messages are wanted, or none waited for: the kernel's answer.
  constexpr int kNeverWaits = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE;
  if (count == 0 || (flags & kNeverWaits) != 0) return ::recvmmsg(fd, messages, count, flags, limit);
  const base::Nanos deadline = rt_time::deadline_after(nanos);
  const int received = posix::receive_all(fd, messages, count, flags, deadline);
  if (received > 0 && nanos != base::kForever && limit != nullptr) {
    *limit = base::to_timespec(std::max<base::Nanos>(deadline - rt_time::now(), 0));
  }
  return errno_before.unless_failed(received);
}
