#include <sys/socket.h>

#include <cerrno>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/call.hpp"
#include "net/open_socket.hpp"

// How TCP sockets come to be.

namespace runtime::inline v1::detail {
namespace {

constexpr int kBacklog = 1024;  // the kernel cuts it to net.core.somaxconn

RawSocket listen_at(const net::SocketAddr& address) {
  base::UniqueFd fd = net::open_socket(address.data()->sa_family, SOCK_STREAM);
  const int on = 1;  // else the port of a server that has just ended stays taken for a minute
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    base::throw_errno(errno, "setsockopt(SO_REUSEADDR)");
  }
  if (::bind(fd.get(), address.data(), address.size()) != 0) net::throw_at(errno, "bind", address);
  if (::listen(fd.get(), kBacklog) != 0) net::throw_at(errno, "listen", address);
  return net::to_raw(std::move(fd));
}

RawSocket connect_to(const net::SocketAddr& address) {
  RawSocket socket = net::to_raw(net::open_socket(address.data()->sa_family, SOCK_STREAM), io::FdKind::tcp_stream);
  socket.connect(address);
  return socket;
}

void require_internet(const net::SocketAddr& address) {
  if (address.is_ipv4() || address.is_ipv6()) return;
  throw Error(Errc::invalid_argument, "TCP needs an IPv4 or IPv6 address with a port");
}

}  // namespace

RawSocket tcp_listen(const net::SocketAddr& address) {
  io::begin("TcpListener::bind()");
  require_internet(address);
  return listen_at(address);
}

RawSocket tcp_listen(std::string_view address) {
  io::begin("TcpListener::bind()");
  return net::first_of(address, listen_at);
}

RawSocket tcp_connect(const net::SocketAddr& address) {
  require_internet(address);
  return connect_to(address);
}

RawSocket tcp_connect(std::string_view address) {
  io::begin("TcpStream::connect()");
  return net::first_of(address, connect_to);
}

}  // namespace runtime::inline v1::detail
