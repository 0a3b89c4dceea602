#pragma once

#include <string_view>
#include <system_error>
#include <vector>

#include <runtime/export.hpp>
#include <runtime/net/socket_addr.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

/// Of the std::system_error that a name which cannot be resolved ends in: its codes are the EAI_* of <netdb.h>.
RUNTIME_API const std::error_category& resolve_category() noexcept;

}  // namespace net

namespace detail {

/// Gives the addresses one by one; `add` may throw.
RUNTIME_API void lookup_host(std::string_view text, void* list,
                             void (*add)(void* list, const net::SocketAddr& address));

}  // namespace detail

namespace net {

/// The addresses of "host:port", in the order in which they should be tried; at least one. The host is a name or an
/// address, the port a number.
///
/// Parks: while a pool thread asks the system's resolver. An address is translated without it.
/// Throws: Error invalid_argument for text that is not "host:port"; std::system_error in resolve_category() when the
/// name cannot be resolved; Error shut_down while the runtime shuts down, io_disabled.
/// Cancellation: the lookup goes on without the caller. Thread safety: any thread.
inline std::vector<SocketAddr> lookup_host(std::string_view text) {
  std::vector<SocketAddr> addresses;
  detail::lookup_host(text, &addresses, [](void* list, const SocketAddr& address) {
    static_cast<std::vector<SocketAddr>*>(list)->push_back(address);
  });
  return addresses;
}

}  // namespace net
}  // namespace v1
}  // namespace runtime
