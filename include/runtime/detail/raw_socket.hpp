#pragma once

#include <cstddef>
#include <string_view>

#include <sys/uio.h>

#include <runtime/detail/raw_fd.hpp>
#include <runtime/export.hpp>
#include <runtime/net/socket_addr.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// What the classes of runtime::net are made of: one socket, non-blocking and close-on-exec, or a half of one.
///
/// Every call that may wait takes turns with the others in its direction, first come, first served. It throws
/// Cancelled; Error io_disabled, or invalid_argument when the object was moved from; std::system_error with the name of
/// the system call, EBADF when the object was destroyed meanwhile.
/// Thread safety: any thread, several at once; moved and destroyed by one. Owns: the socket, or its half.
class RUNTIME_API RawSocket final {
 public:
  RawSocket() noexcept = default;
  explicit RawSocket(RawFd fd) noexcept : fd_(std::move(fd)) {}

  int fd() const noexcept { return fd_.fd(); }
  net::SocketAddr local_addr() const;
  net::SocketAddr peer_addr() const;
  RawSocket split_write() { return RawSocket(fd_.split_write()); }
  /// One that is connected no more is shut down already: no error.
  void shutdown(int how) const;
  void set_option(int level, int name, bool value, const char* call) const;
  bool option(int level, int name, const char* call) const;

  RawSocket accept(net::SocketAddr& peer) const;

  std::size_t read(void* buffer, std::size_t size) const;
  std::size_t readv(const iovec* parts, int count) const;
  std::size_t peek(void* buffer, std::size_t size) const;
  void read_exact(void* buffer, std::size_t size) const;
  std::size_t write(const void* data, std::size_t size) const;
  std::size_t writev(const iovec* parts, int count) const;
  void write_all(const void* data, std::size_t size) const;

  std::size_t send(const void* data, std::size_t size) const;
  std::size_t recv(void* buffer, std::size_t size) const;
  std::size_t send_to(const void* data, std::size_t size, const net::SocketAddr& to) const;
  std::size_t send_to(const void* data, std::size_t size, std::string_view to) const;
  std::size_t recv_from(void* buffer, std::size_t size, net::SocketAddr& from) const;

  /// Of a socket that is not connected yet, or of datagrams. The second tries every address of "host:port" in turn.
  void connect(const net::SocketAddr& peer) const;
  void connect(std::string_view peer) const;

 private:
  RawFd fd_;
};

// Making sockets. A text is "host:port" and may have several addresses, which are tried in turn; the error is the last.
RUNTIME_API RawSocket tcp_listen(const net::SocketAddr& address);
RUNTIME_API RawSocket tcp_listen(std::string_view address);
RUNTIME_API RawSocket tcp_connect(const net::SocketAddr& address);
RUNTIME_API RawSocket tcp_connect(std::string_view address);
RUNTIME_API RawSocket udp_bind(const net::SocketAddr& address);
RUNTIME_API RawSocket udp_bind(std::string_view address);
RUNTIME_API RawSocket unix_listen(const net::SocketAddr& address);
RUNTIME_API RawSocket unix_connect(const net::SocketAddr& address);
RUNTIME_API RawSocket unix_datagram();
RUNTIME_API RawSocket unix_datagram_bind(const net::SocketAddr& address);
/// Two that are connected to each other. `type`: SOCK_STREAM or SOCK_DGRAM.
RUNTIME_API void unix_pair(int type, RawSocket& a, RawSocket& b);

}  // namespace detail
}  // namespace v1
}  // namespace runtime
