#include <limits.h>
#include <unistd.h>

#include <runtime/posix.h>

#include "io/wait.hpp"
#include "posix/descriptor.hpp"
#include "posix/finish_send.hpp"
#include "posix/on_pool.hpp"
#include "posix/parts.hpp"
#include "posix/patience.hpp"
#include "posix/plain_thread.hpp"
#include "posix/try_once.hpp"

namespace runtime::inline v1::posix {
namespace {

ssize_t try_parts(int fd, bool& knows_nowait, const iovec* parts, int count) noexcept {
  return try_once(
      fd, knows_nowait, [&] { return ::pwritev2(fd, parts, count, -1, RWF_NOWAIT); },
      [&] { return ::writev(fd, parts, count); });
}

/// plain(): the call as the program made it; knows_nowait: whether pwritev2() says the same.
template <class Plain>
ssize_t write_parts(int fd, const iovec* list, int count, bool knows_nowait, Plain plain) noexcept {
  const Kind kind = kind_of(fd);
  if (kind == Kind::disk) return call_on_disk(plain);
  const auto nowait = [&] { return ::pwritev2(fd, list, count, -1, RWF_NOWAIT); };
  const ssize_t first = try_once(fd, knows_nowait, nowait, plain);
  if (first < 0 && errno != EAGAIN && errno != EINTR) return first;
  if (kind == Kind::socket) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(list);
    message.msg_iovlen = static_cast<size_t>(count);
    return finish_send(fd, message, 0, first);
  }
  // Pipes and terminals take all, if need be bit by bit; for other devices one write is one message.
  const bool is_stream = kind == Kind::pipe || (kind == Kind::device && is_terminal(fd));
  if (first >= 0 && !is_stream) return first;
  Patience patience(fd, io::kWritable, Patience::kNoLimit);
  if (!is_stream) {
    return until_done(patience, [&] { return try_once(fd, knows_nowait, nowait, plain); });
  }
  const Parts parts(list, static_cast<size_t>(count));
  if (first >= 0 && static_cast<size_t>(first) >= parts.bytes()) return first;
  return finish(
      parts, first,
      [&](Parts& rest, ssize_t) { return try_parts(fd, knows_nowait, rest.data(), static_cast<int>(rest.count())); },
      [&] { return patience.wait(); });
}

ssize_t write_one(int fd, const void* buffer, size_t count) noexcept {
  iovec part{const_cast<void*>(buffer), count};
  // A socket is the common case, and needs no question what it is.
  const ssize_t sent = ::send(fd, buffer, count, MSG_DONTWAIT);
  if (sent >= 0 && static_cast<size_t>(sent) == count) return sent;
  if (sent >= 0 || errno != ENOTSOCK) {
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return finish_send(fd, message, 0, sent);
  }
  // For zero bytes pwritev2() has an answer of its own, before the kind of descriptor is asked.
  return write_parts(fd, &part, 1, count > 0, [&] { return ::write(fd, buffer, count); });
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

ssize_t runtime_write(int fd, const void* buffer, size_t count) {
  if (!io::begin_call()) {
    return posix::on_plain_thread(fd, SO_SNDTIMEO, [&] { return ::write(fd, buffer, count); });
  }
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::write_one(fd, buffer, count));
}

ssize_t runtime_writev(int fd, const iovec* parts, int count) {
  const auto plain = [&] { return ::writev(fd, parts, count); };
  if (!io::begin_call()) return posix::on_plain_thread(fd, SO_SNDTIMEO, plain);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::write_parts(fd, parts, count, true, plain));
}
