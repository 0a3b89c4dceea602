#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <sys/socket.h>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/net/socket_addr.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

/// A datagram socket of the Unix domain: nothing is lost or reordered, and a sender waits for the receiver. Its calls
/// throw and are cancelled as those of UdpSocket, of the same names.
///
/// Thread safety: any thread, several at once; moved and destroyed by one.
class UnixDatagram final {
 public:
  /// At a path that does not exist yet, and that stays when the socket has gone.
  /// Throws: Error invalid_argument for a path that is empty or too long; EADDRINUSE, ENOENT, EACCES.
  static UnixDatagram bind(std::string_view path) { return bind(SocketAddr::from_path(path)); }
  static UnixDatagram bind(const SocketAddr& address) { return UnixDatagram(detail::unix_datagram_bind(address)); }
  /// Without a path: it can send, and receives what a peer of connect() sends.
  static UnixDatagram unbound() { return UnixDatagram(detail::unix_datagram()); }
  /// Two that are connected to each other.
  static std::pair<UnixDatagram, UnixDatagram> pair() {
    detail::RawSocket a, b;
    detail::unix_pair(SOCK_DGRAM, a, b);
    return {UnixDatagram(std::move(a)), UnixDatagram(std::move(b))};
  }

  void connect(std::string_view path) const { raw_.connect(SocketAddr::from_path(path)); }
  void connect(const SocketAddr& peer) const { raw_.connect(peer); }

  /// Parks: until the receiver has room. Throws: ENOTCONN without connect(), EMSGSIZE, ECONNREFUSED when it has gone.
  std::size_t send(const void* data, std::size_t size) const { return raw_.send(data, size); }
  std::size_t recv(void* buffer, std::size_t size) const { return raw_.recv(buffer, size); }
  std::size_t send_to(const void* data, std::size_t size, std::string_view path) const {
    return raw_.send_to(data, size, SocketAddr::from_path(path));
  }
  std::size_t send_to(const void* data, std::size_t size, const SocketAddr& to) const {
    return raw_.send_to(data, size, to);
  }
  std::pair<std::size_t, SocketAddr> recv_from(void* buffer, std::size_t size) const {
    std::pair<std::size_t, SocketAddr> received;
    received.first = raw_.recv_from(buffer, size, received.second);
    return received;
  }

  void shutdown(int how) const { raw_.shutdown(how); }
  SocketAddr local_addr() const { return raw_.local_addr(); }
  SocketAddr peer_addr() const { return raw_.peer_addr(); }
  /// Still the socket's own: neither ::close() nor runtime_close() it. Non-blocking; -1 when it was moved from.
  int fd() const noexcept { return raw_.fd(); }

 private:
  explicit UnixDatagram(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

}  // namespace net
}  // namespace v1
}  // namespace runtime
