#include <runtime/net/socket_addr.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <string>

#include <runtime/error.hpp>

#include "net/endpoint.hpp"

namespace runtime::inline v1::net {
namespace {

constexpr std::size_t kPathAt = offsetof(sockaddr_un, sun_path);
constexpr std::size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;

template <class Native>
const Native& as(const sockaddr_storage& storage) noexcept {
  return reinterpret_cast<const Native&>(storage);
}

/// Of a Unix socket, without the zero at its end; abstract names with the one at their beginning.
std::string_view path_of(const sockaddr_storage& storage, socklen_t size) noexcept {
  const char* path = as<sockaddr_un>(storage).sun_path;
  if (size <= kPathAt) return {};
  const std::size_t length = size - kPathAt;
  return {path, path[0] == '\0' ? length : ::strnlen(path, length)};
}

/// The least that an address of a family has; of a Unix socket the path may be missing.
std::size_t least_size(sa_family_t family) noexcept {
  switch (family) {
    case AF_INET:
      return sizeof(sockaddr_in);
    case AF_INET6:
      return sizeof(sockaddr_in6);
    default:
      return sizeof(sa_family_t);
  }
}

char* write(char* to, std::string_view text) noexcept { return to + text.copy(to, text.size()); }
char* write(char* to, std::uint32_t number) noexcept { return std::to_chars(to, to + 10, number).ptr; }

}  // namespace

SocketAddr::SocketAddr() noexcept : storage_{}, size_(0) {}

SocketAddr SocketAddr::parse(std::string_view text) {
  const auto address = Endpoint::parse(text).address();
  if (!address) throw_malformed(text, "the host is no IPv4 address; net::lookup_host() looks names up");
  return *address;
}

SocketAddr SocketAddr::from_path(std::string_view path) {
  if (path.empty()) throw Error(Errc::invalid_argument, "the path of a Unix socket is not empty");
  if (path.size() > kMaxPath) {
    throw_malformed(path, "the path of a Unix socket has at most 107 bytes; use a shorter or a relative one");
  }
  if (path.find('\0', 1) != std::string_view::npos) throw_malformed(path, "it has a zero byte in it");
  SocketAddr address;
  auto& native = reinterpret_cast<sockaddr_un&>(address.storage_);
  native.sun_family = AF_UNIX;
  path.copy(native.sun_path, kMaxPath);
  address.size_ = static_cast<socklen_t>(kPathAt + path.size() + (path[0] == '\0' ? 0 : 1));
  return address;
}

SocketAddr SocketAddr::from_native(const sockaddr* native, socklen_t size) {
  if (size > sizeof(sockaddr_storage)) {
    throw Error(Errc::invalid_argument, "SocketAddr::from_native() takes an address of at most 128 bytes");
  }
  SocketAddr address;
  if (size == 0) return address;
  std::memcpy(&address.storage_, native, size);
  const std::size_t least = least_size(address.storage_.ss_family);
  if (size < least) {
    throw Error(Errc::invalid_argument, "SocketAddr::from_native() got " + std::to_string(size) +
                                            " bytes, of an address that has " + std::to_string(least) +
                                            ": pass the size that the system call gave");
  }
  address.size_ = size;
  return address;
}

bool SocketAddr::is_ipv4() const noexcept { return storage_.ss_family == AF_INET; }
bool SocketAddr::is_ipv6() const noexcept { return storage_.ss_family == AF_INET6; }
bool SocketAddr::is_unix() const noexcept { return storage_.ss_family == AF_UNIX; }

std::uint16_t SocketAddr::port() const noexcept {
  if (is_ipv4()) return ntohs(as<sockaddr_in>(storage_).sin_port);
  if (is_ipv6()) return ntohs(as<sockaddr_in6>(storage_).sin6_port);
  return 0;
}

std::size_t SocketAddr::write_text(char* text) const noexcept {
  static_assert(kMaxText > kMaxPath && kMaxText > INET6_ADDRSTRLEN + sizeof "[%4294967295]:65535");
  char* end = text;
  if (is_unix()) return static_cast<std::size_t>(write(text, path_of(storage_, size_)) - text);
  if (is_ipv4()) {
    ::inet_ntop(AF_INET, &as<sockaddr_in>(storage_).sin_addr, text, INET_ADDRSTRLEN);
    end += std::strlen(text);
  } else if (is_ipv6()) {
    *end++ = '[';
    ::inet_ntop(AF_INET6, &as<sockaddr_in6>(storage_).sin6_addr, end, INET6_ADDRSTRLEN);
    end += std::strlen(end);
    if (const std::uint32_t scope = as<sockaddr_in6>(storage_).sin6_scope_id; scope != 0) {
      *end++ = '%';
      end = write(end, scope);
    }
    *end++ = ']';
  } else {
    return 0;
  }
  *end++ = ':';
  return static_cast<std::size_t>(write(end, std::uint32_t{port()}) - text);
}

// By meaning: what the kernel leaves in the padding, or in the flow information, is no part of an address.
bool SocketAddr::equals(const SocketAddr& other) const noexcept {
  if (storage_.ss_family != other.storage_.ss_family) return false;
  if (is_ipv4()) {
    return port() == other.port() &&
           as<sockaddr_in>(storage_).sin_addr.s_addr == as<sockaddr_in>(other.storage_).sin_addr.s_addr;
  }
  if (is_ipv6()) {
    const auto& a = as<sockaddr_in6>(storage_);
    const auto& b = as<sockaddr_in6>(other.storage_);
    return port() == other.port() && a.sin6_scope_id == b.sin6_scope_id &&
           std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
  }
  if (is_unix()) return path_of(storage_, size_) == path_of(other.storage_, other.size_);
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

}  // namespace runtime::inline v1::net
