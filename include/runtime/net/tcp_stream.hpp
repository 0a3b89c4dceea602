#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/net/socket_addr.hpp>
#include <runtime/net/split.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

/// A TCP connection. Closed when it is destroyed, which fails whoever waits in it with EBADF.
///
/// Belongs to no runtime: fibers of any runtime and plain threads may read and write it at once. Calls in one direction
/// take turns, first come, first served. No call raises SIGPIPE.
/// What every call below may throw, beside what it says: std::system_error with the name of the call and its
/// errno; Error io_disabled in a runtime without I/O, invalid_argument when the stream was moved from; Cancelled.
/// Thread safety: any thread, several at once; moved and destroyed by one.
class TcpStream final {
 public:
  /// Connects to "host:port": looks the host up on the pool, and tries every address in turn.
  /// Parks: until one has answered. Throws: Error invalid_argument for malformed text; std::system_error in
  /// resolve_category() for a name without address; the errno of the last address that was tried.
  static TcpStream connect(std::string_view address) { return TcpStream(detail::tcp_connect(address)); }
  static TcpStream connect(const SocketAddr& address) { return TcpStream(detail::tcp_connect(address)); }

  /// Gives 1 to `size` bytes, or 0 at the end of the stream or when `size` is 0. Parks: until there are some.
  /// Cancellation: nothing is lost.
  std::size_t read(void* buffer, std::size_t size) const { return raw_.read(buffer, size); }
  /// The same into several buffers, filled in turn. Throws: EINVAL for a count below zero or above IOV_MAX.
  std::size_t readv(const iovec* parts, int count) const { return raw_.readv(parts, count); }
  /// Fills the buffer, and gives its size. Parks: until it is full.
  /// Throws: Error unexpected_end when the stream ends before.
  /// Cancellation: what was read by then is lost.
  std::size_t read_exact(void* buffer, std::size_t size) const {
    raw_.read_exact(buffer, size);
    return size;
  }
  /// As read(), but the bytes stay for the next call.
  std::size_t peek(void* buffer, std::size_t size) const { return raw_.peek(buffer, size); }

  /// At least one byte and at most `size`; how many is the result. Parks: until there is room for one.
  /// Throws: EPIPE or ECONNRESET once the peer has gone. Cancellation: nothing was written.
  std::size_t write(const void* data, std::size_t size) const { return raw_.write(data, size); }
  /// The same from several buffers. Throws: EINVAL as readv().
  std::size_t writev(const iovec* parts, int count) const { return raw_.writev(parts, count); }
  /// Writes all of it, before anybody else's bytes. Parks: until there was room for all.
  /// Cancellation: a part may have been written.
  void write_all(std::string_view data) const { raw_.write_all(data.data(), data.size()); }
  void write_all(const void* data, std::size_t size) const { raw_.write_all(data, size); }

  /// SHUT_RD, SHUT_WR or SHUT_RDWR. Those who wait see the end of the stream, or EPIPE. Never parks.
  void shutdown(int how) const { raw_.shutdown(how); }

  /// TCP_NODELAY: small writes go out at once.
  void set_nodelay(bool on) const { raw_.set_option(IPPROTO_TCP, TCP_NODELAY, on, "setsockopt(TCP_NODELAY)"); }
  bool nodelay() const { return raw_.option(IPPROTO_TCP, TCP_NODELAY, "getsockopt(TCP_NODELAY)"); }
  SocketAddr local_addr() const { return raw_.local_addr(); }
  SocketAddr peer_addr() const { return raw_.peer_addr(); }
  /// Still the stream's own: neither ::close() nor runtime_close() it. Non-blocking; -1 when it was moved from.
  int fd() const noexcept { return raw_.fd(); }

  /// Two halves, each with an owner of its own; this object is as moved from then.
  std::pair<OwnedReadHalf, OwnedWriteHalf> into_split() { return detail::split(std::move(raw_)); }

 private:
  friend class TcpListener;
  explicit TcpStream(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

}  // namespace net
}  // namespace v1
}  // namespace runtime
