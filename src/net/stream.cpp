#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/call.hpp"

// Streams of bytes: reading and writing. None of it raises SIGPIPE.

namespace runtime::inline v1::detail {
namespace {

using io::Direction;
using io::Turn;

std::size_t receive(const RawFd& fd, void* buffer, std::size_t size, int flags, const char* call) {
  Turn turn(fd.shared(), Direction::read, call);
  if (size == 0) return 0;  // the kernel would wait for something to come
  turn.wait_if_emptied();
  const auto got = static_cast<std::size_t>(turn.until_done([&] { return ::recv(turn.fd(), buffer, size, flags); }));
  if (flags == 0) turn.note_read(got, size);  // MSG_PEEK takes nothing
  return got;
}

/// `call` is told what readv(2) and writev(2) say; of recvmsg(2) and sendmsg(2) it would be EMSGSIZE.
msghdr to_message(const iovec* parts, int count, const char* call) {
  if (count < 0 || count > IOV_MAX) base::throw_errno(EINVAL, call);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return message;
}

bool is_empty(const msghdr& message) noexcept {
  return std::all_of(message.msg_iov, message.msg_iov + message.msg_iovlen,
                     [](const iovec& part) { return part.iov_len == 0; });
}

}  // namespace

std::size_t RawSocket::read(void* buffer, std::size_t size) const { return receive(fd_, buffer, size, 0, "read"); }

std::size_t RawSocket::peek(void* buffer, std::size_t size) const {
  return receive(fd_, buffer, size, MSG_PEEK, "peek");
}

std::size_t RawSocket::readv(const iovec* parts, int count) const {
  msghdr message = to_message(parts, count, "readv");
  Turn turn(fd_.shared(), Direction::read, "readv");
  if (is_empty(message)) return 0;
  return static_cast<std::size_t>(turn.until_done([&] { return ::recvmsg(turn.fd(), &message, 0); }));
}

void RawSocket::read_exact(void* buffer, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::read, "read_exact");
  for (std::size_t done = 0; done < size;) {
    turn.wait_if_emptied();
    const auto got = turn.until_done(
        [&] { return ::recv(turn.fd(), static_cast<char*>(buffer) + done, size - done, 0); });
    if (got == 0) throw_unexpected_end(done, size);
    turn.note_read(static_cast<std::size_t>(got), size - done);
    done += static_cast<std::size_t>(got);
    if (done < size) turn.go_on();
  }
}

std::size_t RawSocket::write(const void* data, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::write, "write");
  if (size == 0) return 0;
  return static_cast<std::size_t>(turn.until_done([&] { return ::send(turn.fd(), data, size, MSG_NOSIGNAL); }));
}

std::size_t RawSocket::writev(const iovec* parts, int count) const {
  const msghdr message = to_message(parts, count, "writev");
  Turn turn(fd_.shared(), Direction::write, "writev");
  if (is_empty(message)) return 0;
  return static_cast<std::size_t>(turn.until_done([&] { return ::sendmsg(turn.fd(), &message, MSG_NOSIGNAL); }));
}

void RawSocket::write_all(const void* data, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::write, "write_all");
  for (std::size_t done = 0; done < size;) {
    done += static_cast<std::size_t>(turn.until_done(
        [&] { return ::send(turn.fd(), static_cast<const char*>(data) + done, size - done, MSG_NOSIGNAL); }));
    if (done < size) turn.go_on();
  }
}

}  // namespace runtime::inline v1::detail
