#include "net/endpoint.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include <runtime/error.hpp>

namespace runtime::inline v1::net {
namespace {

constexpr std::size_t kMaxHost = INET6_ADDRSTRLEN + IF_NAMESIZE;

template <class Number>
bool parse_number(std::string_view text, Number& number) noexcept {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end;
}

std::optional<SocketAddr> ipv4(const char* host, std::uint16_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host, &address.sin_addr) != 1) return std::nullopt;
  return SocketAddr::from_native(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// `host` is cut at its '%'.
std::optional<SocketAddr> ipv6(char* host, std::uint16_t port) noexcept {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (char* percent = std::strchr(host, '%')) {
    *percent = '\0';
    const char* scope = percent + 1;
    if (!parse_number(scope, address.sin6_scope_id)) address.sin6_scope_id = ::if_nametoindex(scope);
    if (address.sin6_scope_id == 0) return std::nullopt;
  }
  if (::inet_pton(AF_INET6, host, &address.sin6_addr) != 1) return std::nullopt;
  return SocketAddr::from_native(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

void throw_malformed(std::string_view text, const char* reason) {
  std::string shown(text);  // a zero byte would end the sentence
  std::replace(shown.begin(), shown.end(), '\0', '?');
  throw Error(Errc::invalid_argument, "'" + shown + "' is no address: " + reason);
}

Endpoint Endpoint::parse(std::string_view text) {
  Endpoint endpoint{};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw_malformed(text, "write host:port");
  if (!parse_number(text.substr(colon + 1), endpoint.port)) {
    throw_malformed(text, "the port is a number from 0 to 65535");
  }
  endpoint.host = text.substr(0, colon);
  if (endpoint.host.size() > 2 && endpoint.host.front() == '[' && endpoint.host.back() == ']') {
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
    endpoint.is_bracketed = true;
    if (!endpoint.address()) throw_malformed(text, "between the brackets stands an IPv6 address");
  }
  if (endpoint.host.empty()) throw_malformed(text, "the host is missing");
  if (!endpoint.is_bracketed && endpoint.host.find_first_of(":[]") != std::string_view::npos) {
    throw_malformed(text, "write [address]:port for IPv6");
  }
  if (endpoint.host.find('\0') != std::string_view::npos) throw_malformed(text, "it has a zero byte in it");
  return endpoint;
}

std::optional<SocketAddr> Endpoint::address() const noexcept {
  char text[kMaxHost + 1];
  if (host.size() > kMaxHost || host.find('\0') != std::string_view::npos) return std::nullopt;
  text[host.copy(text, kMaxHost)] = '\0';
  return is_bracketed ? ipv6(text, port) : ipv4(text, port);
}

}  // namespace runtime::inline v1::net
