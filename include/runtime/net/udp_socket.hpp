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

/// A UDP socket. Closed when it is destroyed, which fails whoever waits in it with EBADF.
///
/// Belongs to no runtime; several fibers and threads may send and receive at once, and take turns in each direction.
/// What every call may throw: see TcpStream. A receiver that has gone may show as ECONNREFUSED on a connected socket.
/// Thread safety: any thread, several at once; moved and destroyed by one.
class UdpSocket final {
 public:
  /// Port 0: the kernel chooses one. A name is looked up, and the first address that can be bound is taken.
  /// Throws: Error invalid_argument for malformed text; the errno of the last address that was tried.
  static UdpSocket bind(std::string_view address) { return UdpSocket(detail::udp_bind(address)); }
  static UdpSocket bind(const SocketAddr& address) { return UdpSocket(detail::udp_bind(address)); }

  /// From now on send() and recv() are for this peer alone. Of several addresses the first that the system takes is it.
  void connect(std::string_view peer) const { raw_.connect(peer); }
  void connect(const SocketAddr& peer) const { raw_.connect(peer); }

  /// Sends one datagram to the peer of connect(); gives its size. Parks: until the system has room for it.
  /// Throws: EDESTADDRREQ without connect(), EMSGSIZE when it is too long.
  std::size_t send(const void* data, std::size_t size) const { return raw_.send(data, size); }
  /// Receives one datagram, from the peer if there is one; what does not fit is lost. Parks: until one has come.
  /// Cancellation: none is lost.
  std::size_t recv(void* buffer, std::size_t size) const { return raw_.recv(buffer, size); }

  /// The same to any address. Of several of a name the first of this socket's family is taken.
  std::size_t send_to(const void* data, std::size_t size, const SocketAddr& to) const {
    return raw_.send_to(data, size, to);
  }
  std::size_t send_to(const void* data, std::size_t size, std::string_view to) const {
    return raw_.send_to(data, size, to);
  }
  /// The same, with the sender.
  std::pair<std::size_t, SocketAddr> recv_from(void* buffer, std::size_t size) const {
    std::pair<std::size_t, SocketAddr> received;
    received.first = raw_.recv_from(buffer, size, received.second);
    return received;
  }

  /// SO_BROADCAST: sending to broadcast addresses is allowed.
  void set_broadcast(bool on) const { raw_.set_option(SOL_SOCKET, SO_BROADCAST, on, "setsockopt(SO_BROADCAST)"); }
  /// With the port that the kernel has chosen.
  SocketAddr local_addr() const { return raw_.local_addr(); }
  /// Throws: ENOTCONN without connect().
  SocketAddr peer_addr() const { return raw_.peer_addr(); }
  /// Still the socket's own: neither ::close() nor runtime_close() it. Non-blocking; -1 when it was moved from.
  int fd() const noexcept { return raw_.fd(); }

 private:
  explicit UdpSocket(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

}  // namespace net
}  // namespace v1
}  // namespace runtime
