#include <runtime/posix.h>

#include "io/wait.hpp"
#include "posix/finish_send.hpp"
#include "posix/patience.hpp"

namespace io = runtime::io;
namespace posix = runtime::posix;

ssize_t runtime_send(int fd, const void* buffer, size_t size, int flags) {
  return runtime_sendto(fd, buffer, size, flags, nullptr, 0);
}

ssize_t runtime_sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address,
                       socklen_t address_size) {
  if (!io::begin_call()) return ::sendto(fd, buffer, size, flags, address, address_size);
  const posix::KeepErrno errno_before;
  const ssize_t sent = ::sendto(fd, buffer, size, flags | MSG_DONTWAIT, address, address_size);
  if (sent >= 0 && static_cast<size_t>(sent) == size) return sent;
  iovec part{const_cast<void*>(buffer), size};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(address);
  message.msg_namelen = address_size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return errno_before.unless_failed(posix::finish_send(fd, message, flags, sent));
}

ssize_t runtime_sendmsg(int fd, const msghdr* message, int flags) {
  if (!io::begin_call()) return ::sendmsg(fd, message, flags);
  const posix::KeepErrno errno_before;
  const ssize_t sent = ::sendmsg(fd, message, flags | MSG_DONTWAIT);
  // A message the kernel could not read is not looked into here either.
  if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != EINPROGRESS) return sent;
  return errno_before.unless_failed(posix::finish_send(fd, *message, flags, sent));
}
