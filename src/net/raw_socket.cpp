#include <runtime/detail/raw_socket.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "base/system_error.hpp"
#include "base/unique_fd.hpp"
#include "io/call.hpp"
#include "net/open_socket.hpp"

// Of sockets of any kind: addresses, options, accepting and connecting.

namespace runtime::inline v1::detail {
namespace {

constexpr base::Nanos kAfterExhaustion = 10'000'000;

/// What befell the new connection before it was accepted, and not the listener. See: accept(2), "Error handling".
bool is_of_connection(int error) noexcept {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
      return true;
    default:
      return false;
  }
}

bool is_exhaustion(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

net::SocketAddr ask_address(const RawFd& fd, decltype(&::getsockname) ask, const char* call) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (ask(fd.shared().fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) base::throw_errno(errno, call);
  return net::SocketAddr::from_native(reinterpret_cast<const sockaddr*>(&address), size);
}

int pending_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

net::SocketAddr RawSocket::local_addr() const { return ask_address(fd_, &::getsockname, "getsockname"); }
net::SocketAddr RawSocket::peer_addr() const { return ask_address(fd_, &::getpeername, "getpeername"); }

void RawSocket::shutdown(int how) const {
  io::SharedFd& shared = fd_.shared();
  if (::shutdown(shared.fd(), how) != 0 && errno != ENOTCONN) base::throw_errno(errno, "shutdown");
  // A full Unix socket becomes no readier by that: who waits in it is told by us.
  if (how != SHUT_WR) shared.turns(io::Direction::read).nudge(shared.fd());
  if (how != SHUT_RD) shared.turns(io::Direction::write).nudge(shared.fd());
}

void RawSocket::set_option(int level, int name, bool value, const char* call) const {
  const int number = value ? 1 : 0;
  if (::setsockopt(fd_.shared().fd(), level, name, &number, sizeof number) != 0) base::throw_errno(errno, call);
}

bool RawSocket::option(int level, int name, const char* call) const {
  int number = 0;
  socklen_t size = sizeof number;
  if (::getsockopt(fd_.shared().fd(), level, name, &number, &size) != 0) base::throw_errno(errno, call);
  return number != 0;
}

RawSocket RawSocket::accept(net::SocketAddr& peer) const {
  io::SharedFd& shared = fd_.shared();
  io::Turn turn(shared, io::Direction::read, "accept");
  if (shared.was_exhausted) {
    shared.was_exhausted = false;
    turn.pause(kAfterExhaustion);
  }
  sockaddr_storage address{};
  socklen_t size;
  const std::optional<int> number = turn.until_received([&] {
    int fd;
    do {
      size = sizeof address;
      fd = ::accept4(turn.fd(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && is_of_connection(errno));
    shared.was_exhausted = fd < 0 && is_exhaustion(errno);
    return fd;
  });
  if (!number) base::throw_errno(EINVAL, "accept");  // as a blocking call says it of a Unix listener
  base::UniqueFd accepted(*number);
  peer = net::SocketAddr::from_native(reinterpret_cast<const sockaddr*>(&address), size);
  const bool is_tcp = peer.is_ipv4() || peer.is_ipv6();
  return net::to_raw(std::move(accepted), is_tcp ? io::FdKind::tcp_stream : io::FdKind::other);
}

void RawSocket::connect(const net::SocketAddr& address) const {
  io::Turn turn(fd_.shared(), io::Direction::write, "connect");
  while (::connect(turn.fd(), address.data(), address.size()) != 0) {
    switch (errno) {
      case EINPROGRESS:
      case EINTR: {
        pollfd ended{turn.fd(), POLLOUT, 0};
        do turn.wait_ready();
        while (::poll(&ended, 1, 0) != 1);
        const int error = pending_error(turn.fd());
        if (error != 0) net::throw_at(error, "connect", address);
        return;
      }
      case EAGAIN:
        // The queue of a Unix listener is full. The kernel reports no readiness for that.
        if (address.is_unix()) {
          turn.pause();
          break;
        }
        [[fallthrough]];
      default:
        net::throw_at(errno, "connect", address);
    }
  }
}

void RawSocket::connect(std::string_view peer) const {
  io::SharedFd& shared = fd_.shared();
  shared.hold();  // before anything that may park: this object may go meanwhile
  const RawSocket keeper(RawFd(&shared, RawFd::kNone));
  io::begin("connect");
  net::first_of(peer, [&keeper](const net::SocketAddr& address) { keeper.connect(address); });
}

}  // namespace runtime::inline v1::detail
