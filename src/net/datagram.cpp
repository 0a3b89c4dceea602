#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/call.hpp"
#include "net/addresses.hpp"
#include "net/open_socket.hpp"

// Datagrams: each call moves one. A datagram of no bytes is one, too.

namespace runtime::inline v1::detail {
namespace {

using io::Direction;
using io::Turn;

RawSocket bind_at(const net::SocketAddr& address) {
  base::UniqueFd fd = net::open_socket(address.data()->sa_family, SOCK_DGRAM);
  if (::bind(fd.get(), address.data(), address.size()) != 0) net::throw_at(errno, "bind", address);
  return net::to_raw(std::move(fd));
}

}  // namespace

RawSocket udp_bind(const net::SocketAddr& address) {
  io::begin("UdpSocket::bind()");
  if (!address.is_ipv4() && !address.is_ipv6()) {
    throw Error(Errc::invalid_argument, "UDP needs an IPv4 or IPv6 address with a port");
  }
  return bind_at(address);
}

RawSocket udp_bind(std::string_view address) {
  io::begin("UdpSocket::bind()");
  return net::first_of(address, bind_at);
}

RawSocket unix_datagram_bind(const net::SocketAddr& address) {
  io::begin("UnixDatagram::bind()");
  if (!address.is_unix()) throw Error(Errc::invalid_argument, "a Unix socket needs a path: SocketAddr::from_path()");
  return bind_at(address);
}

RawSocket unix_datagram() {
  io::begin("UnixDatagram::unbound()");
  return net::to_raw(net::open_socket(AF_UNIX, SOCK_DGRAM));
}

std::size_t RawSocket::send(const void* data, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::write, "send");
  return static_cast<std::size_t>(turn.until_done([&] { return ::send(turn.fd(), data, size, MSG_NOSIGNAL); }));
}

std::size_t RawSocket::recv(void* buffer, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::read, "recv");
  // 0: as a blocking call says it of a socket that was shut down.
  return static_cast<std::size_t>(turn.until_received([&] { return ::recv(turn.fd(), buffer, size, 0); }).value_or(0));
}

std::size_t RawSocket::send_to(const void* data, std::size_t size, const net::SocketAddr& to) const {
  Turn turn(fd_.shared(), Direction::write, "send_to");
  const auto send = [&] { return ::sendto(turn.fd(), data, size, MSG_NOSIGNAL, to.data(), to.size()); };
  if (!to.is_unix()) return static_cast<std::size_t>(turn.until_done(send));
  // Whether a receiver that we are not connected to has room, the kernel does not report.
  ssize_t sent;
  while ((sent = send()) < 0) {
    if (errno != EAGAIN && errno != EINTR) net::throw_at(errno, "send_to", to);
    turn.pause();
  }
  return static_cast<std::size_t>(sent);
}

std::size_t RawSocket::send_to(const void* data, std::size_t size, std::string_view to) const {
  io::SharedFd& shared = fd_.shared();
  shared.hold();  // before anything that may park: this object may go meanwhile
  const RawSocket keeper(RawFd(&shared, RawFd::kNone));
  io::begin("send_to");
  const auto family = keeper.local_addr().data()->sa_family;
  const std::vector<net::SocketAddr> addresses = net::addresses_of(to);
  const auto fits = std::find_if(addresses.begin(), addresses.end(), [family](const net::SocketAddr& address) {
    return address.data()->sa_family == family;
  });
  return keeper.send_to(data, size, fits != addresses.end() ? *fits : addresses.front());
}

std::size_t RawSocket::recv_from(void* buffer, std::size_t size, net::SocketAddr& from) const {
  Turn turn(fd_.shared(), Direction::read, "recv_from");
  sockaddr_storage address{};
  socklen_t address_size = 0;
  const auto received = turn.until_received([&] {
    address_size = sizeof address;
    return ::recvfrom(turn.fd(), buffer, size, 0, reinterpret_cast<sockaddr*>(&address), &address_size);
  });
  if (!received) address_size = 0;
  from = net::SocketAddr::from_native(reinterpret_cast<const sockaddr*>(&address), address_size);
  return static_cast<std::size_t>(received.value_or(0));
}

}  // namespace runtime::inline v1::detail
