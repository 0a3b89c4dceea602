#include <runtime/posix.h>

#include "io/wait.hpp"
#include "posix/finish_receive.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

/// attempt_with(flags): one receive; rest(bytes, patience): what MSG_WAITALL adds after the first bytes.
template <class Attempt, class Rest>
ssize_t receive(int fd, int flags, Attempt attempt_with, Rest rest) noexcept {
  const auto attempt = [&] { return attempt_with(flags | MSG_DONTWAIT); };
  // Urgent data and the error queue are looked at and never waited for, in the kernel too.
  if ((flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)) != 0) return attempt();
  Patience patience(fd, io::kReadable, SO_RCVTIMEO);
  const ssize_t received = until_received(patience, attempt, [&] { return attempt_with(flags); });
  return received > 0 && (flags & MSG_WAITALL) != 0 ? rest(received, patience) : received;
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

ssize_t runtime_recv(int fd, void* buffer, size_t size, int flags) {
  return runtime_recvfrom(fd, buffer, size, flags, nullptr, nullptr);
}

ssize_t runtime_recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* address, socklen_t* address_size) {
  if (!io::begin_call()) return ::recvfrom(fd, buffer, size, flags, address, address_size);
  const posix::KeepErrno errno_before;
  const ssize_t received = posix::receive(
      fd, flags, [&](int how) { return ::recvfrom(fd, buffer, size, how, address, address_size); },
      [&](ssize_t first, posix::Patience& patience) {
        iovec part{buffer, size};
        msghdr asked{};
        asked.msg_iov = &part;
        asked.msg_iovlen = 1;
        msghdr answer = asked;
        return posix::finish_receive(fd, asked, answer, flags, first, patience);
      });
  return errno_before.unless_failed(received);
}

ssize_t runtime_recvmsg(int fd, msghdr* message, int flags) {
  if (!io::begin_call()) return ::recvmsg(fd, message, flags);
  const posix::KeepErrno errno_before;
  msghdr asked{};
  if ((flags & MSG_WAITALL) != 0 && message != nullptr) asked = *message;
  const ssize_t received = posix::receive(
      fd, flags, [&](int how) { return ::recvmsg(fd, message, how); },
      [&](ssize_t first, posix::Patience& patience) {
        return posix::finish_receive(fd, asked, *message, flags, first, patience);
      });
  return errno_before.unless_failed(received);
}
