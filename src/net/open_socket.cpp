#include "net/open_socket.hpp"

#include <cerrno>
#include <string>

#include "base/system_error.hpp"

namespace runtime::inline v1::net {

base::UniqueFd open_socket(int family, int type) {
  base::UniqueFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) base::throw_errno(errno, "socket");
  return fd;
}

void throw_at(int error, const char* call, const SocketAddr& address) {
  base::throw_errno(error, (std::string(call) + ' ' + address.to_string()).c_str());
}

}  // namespace runtime::inline v1::net
