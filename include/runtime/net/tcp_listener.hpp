#pragma once

#include <string_view>
#include <utility>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/net/socket_addr.hpp>
#include <runtime/net/tcp_stream.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

/// A socket that takes TCP connections. Closed when it is destroyed, which fails whoever waits in it with EBADF.
///
/// Belongs to no runtime; several fibers and threads may accept at once, and take turns. What every call may throw: see
/// TcpStream.
/// Thread safety: any thread, several at once; moved and destroyed by one.
class TcpListener final {
 public:
  /// Listens on "host:port", with SO_REUSEADDR set; port 0: the kernel chooses one. A name is looked up as by
  /// TcpStream::connect(), and the first address that can be bound is taken.
  /// Throws: Error invalid_argument for malformed text; the errno of the last address that was tried.
  static TcpListener bind(std::string_view address) { return TcpListener(detail::tcp_listen(address)); }
  static TcpListener bind(const SocketAddr& address) { return TcpListener(detail::tcp_listen(address)); }

  /// The next connection, and where it comes from. Parks: until there is one.
  ///
  /// Throws: EMFILE, ENFILE, ENOBUFS and ENOMEM when there is no descriptor or memory for it; the connection waits on.
  /// The call after that begins with a pause of 10 ms, so that a loop which just tries again leaves the thread to those
  /// who may close something. A connection that was aborted before it was accepted is no error: the next one is waited
  /// for.
  /// Cancellation: no connection is lost.
  std::pair<TcpStream, SocketAddr> accept() const {
    SocketAddr peer;
    TcpStream stream(raw_.accept(peer));
    return {std::move(stream), peer};
  }

  /// With the port that the kernel has chosen.
  SocketAddr local_addr() const { return raw_.local_addr(); }
  /// Still the listener's own: neither ::close() nor runtime_close() it. Non-blocking; -1 when it was moved from.
  int fd() const noexcept { return raw_.fd(); }

 private:
  explicit TcpListener(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

}  // namespace net
}  // namespace v1
}  // namespace runtime
