#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

/// Where a socket is: an IPv4 or IPv6 address with a port, or the path of a Unix socket. A value.
///
/// A default-constructed one is no address: all questions are answered with no, zero or nothing.
/// Thread safety: as an int.
class RUNTIME_API SocketAddr final {
 public:
  SocketAddr() noexcept;

  /// From "1.2.3.4:5" or "[::1]:5"; "[fe80::1%eth0]:5" and "%2" name a scope. Looks nothing up.
  /// Throws: Error invalid_argument for anything else.
  static SocketAddr parse(std::string_view text);
  /// Of a Unix socket. One that begins with a zero byte is a name in Linux' abstract namespace.
  /// Throws: Error invalid_argument when it is empty, too long (more than 107 bytes) or has a zero byte elsewhere.
  static SocketAddr from_path(std::string_view path);
  /// As the system calls give it; a size of zero: no address.
  /// Throws: Error invalid_argument when it is larger than any address, or smaller than its family's.
  static SocketAddr from_native(const sockaddr* address, socklen_t size);

  bool is_ipv4() const noexcept;
  bool is_ipv6() const noexcept;
  bool is_unix() const noexcept;
  /// Zero for a Unix socket.
  std::uint16_t port() const noexcept;

  /// As bind() and connect() take it: "1.2.3.4:5", "[::1]:5", "[fe80::1%2]:5"; of a Unix socket the path, nothing if it
  /// has none. Throws: std::bad_alloc.
  std::string to_string() const {
    char text[kMaxText];
    return std::string(text, write_text(text));
  }

  /// As the system calls take it.
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }

  friend bool operator==(const SocketAddr& a, const SocketAddr& b) noexcept { return a.equals(b); }
  friend bool operator!=(const SocketAddr& a, const SocketAddr& b) noexcept { return !a.equals(b); }

 private:
  static constexpr std::size_t kMaxText = 128;

  std::size_t write_text(char* text) const noexcept;
  bool equals(const SocketAddr& other) const noexcept;

  sockaddr_storage storage_;
  socklen_t size_;
};

}  // namespace net
}  // namespace v1
}  // namespace runtime
