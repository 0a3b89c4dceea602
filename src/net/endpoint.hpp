#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <runtime/net/socket_addr.hpp>

namespace runtime::inline v1::net {

/// "host:port" in its parts.
///
/// Borrows: the text.
struct Endpoint {
  std::string_view host;  // without the brackets
  std::uint16_t port;
  bool is_bracketed;      // an IPv6 address, then

  /// Throws: Error invalid_argument, with the text: no port, or one that is no number up to 65535; no host; a colon in
  /// a host without brackets; a zero byte.
  static Endpoint parse(std::string_view text);

  /// The address, if the host is one and no name.
  std::optional<SocketAddr> address() const noexcept;
};

/// Throws: Error invalid_argument: "'text' is no address: …", with the reason.
[[noreturn]] void throw_malformed(std::string_view text, const char* reason);

}  // namespace runtime::inline v1::net
