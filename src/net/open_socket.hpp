#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/net/socket_addr.hpp>

#include "base/unique_fd.hpp"
#include "io/shared_fd.hpp"
#include "net/addresses.hpp"

namespace runtime::inline v1::net {

/// Non-blocking and close-on-exec. Throws: std::system_error.
base::UniqueFd open_socket(int family, int type);

/// Throws: std::system_error: "call 1.2.3.4:5".
[[noreturn]] void throw_at(int error, const char* call, const SocketAddr& address);

inline detail::RawSocket to_raw(io::SharedFd* shared) noexcept {
  return detail::RawSocket(detail::RawFd(shared, detail::RawFd::kBoth));
}
/// Throws: std::bad_alloc.
inline detail::RawSocket to_raw(base::UniqueFd fd, io::FdKind kind = io::FdKind::other) {
  return to_raw(io::SharedFd::make(std::move(fd), kind));
}

/// Calls attempt(address) for one address after the other, until one throws no std::system_error, and gives what that
/// gives; if all do, the error is the last. `addresses` is not empty.
template <class Attempt>
auto first_of(const std::vector<SocketAddr>& addresses, Attempt attempt) -> decltype(attempt(SocketAddr())) {
  for (std::size_t i = 0; i + 1 < addresses.size(); ++i) {
    try {
      return attempt(addresses[i]);
    } catch (const std::system_error&) {
      // The next one is tried.
    }
  }
  return attempt(addresses.back());
}

/// The same for the addresses of "host:port". The call it is for has begun (io::begin()).
template <class Attempt>
auto first_of(std::string_view text, Attempt attempt) -> decltype(attempt(SocketAddr())) {
  return first_of(addresses_of(text), attempt);
}

}  // namespace runtime::inline v1::net
