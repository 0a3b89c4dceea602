#pragma once

#include <string_view>
#include <utility>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/net/socket_addr.hpp>
#include <runtime/net/unix_stream.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

/// A socket that takes connections of the Unix domain. Closed when it is destroyed, which fails whoever waits in it
/// with EBADF; its path stays in the file system, for the program to unlink.
///
/// Thread safety: any thread, several at once; moved and destroyed by one.
class UnixListener final {
 public:
  /// At a path that does not exist yet; one that begins with a zero byte is a name in the abstract namespace.
  /// Throws: Error invalid_argument for a path that is empty or too long; EADDRINUSE, ENOENT, EACCES.
  static UnixListener bind(std::string_view path) { return bind(SocketAddr::from_path(path)); }
  static UnixListener bind(const SocketAddr& address) { return UnixListener(detail::unix_listen(address)); }

  /// As TcpListener::accept(). The peer's address is mostly without a path.
  std::pair<UnixStream, SocketAddr> accept() const {
    SocketAddr peer;
    UnixStream stream(raw_.accept(peer));
    return {std::move(stream), peer};
  }

  SocketAddr local_addr() const { return raw_.local_addr(); }
  /// Still the listener's own: neither ::close() nor runtime_close() it. Non-blocking; -1 when it was moved from.
  int fd() const noexcept { return raw_.fd(); }

 private:
  explicit UnixListener(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

}  // namespace net
}  // namespace v1
}  // namespace runtime
