#include <sys/socket.h>

#include <cerrno>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/call.hpp"
#include "net/open_socket.hpp"

// How stream sockets of the Unix domain come to be.

namespace runtime::inline v1::detail {
namespace {

constexpr int kBacklog = 1024;  // the kernel cuts it to net.core.somaxconn

void require_path(const net::SocketAddr& address) {
  if (address.is_unix()) return;
  throw Error(Errc::invalid_argument, "a Unix socket needs a path: SocketAddr::from_path()");
}

}  // namespace

RawSocket unix_listen(const net::SocketAddr& address) {
  io::begin("UnixListener::bind()");
  require_path(address);
  base::UniqueFd fd = net::open_socket(AF_UNIX, SOCK_STREAM);
  if (::bind(fd.get(), address.data(), address.size()) != 0) net::throw_at(errno, "bind", address);
  if (::listen(fd.get(), kBacklog) != 0) net::throw_at(errno, "listen", address);
  return net::to_raw(std::move(fd));
}

RawSocket unix_connect(const net::SocketAddr& address) {
  require_path(address);
  RawSocket socket = net::to_raw(net::open_socket(AF_UNIX, SOCK_STREAM));
  socket.connect(address);
  return socket;
}

void unix_pair(int type, RawSocket& a, RawSocket& b) {
  io::begin("pair()");
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) base::throw_errno(errno, "socketpair");
  base::UniqueFd first(fds[0]), second(fds[1]);
  a = net::to_raw(std::move(first));
  b = net::to_raw(std::move(second));
}

}  // namespace runtime::inline v1::detail
