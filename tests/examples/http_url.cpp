#include "http_url.hpp"

#include <algorithm>
#include <cstdint>

#include "download_error.hpp"
#include "text.hpp"

namespace examples {

namespace {

constexpr std::string_view kScheme = "http://";

[[noreturn]] void reject(const std::string& sentence) { throw DownloadError(DownloadStep::url, sentence); }

bool is_letter_or_digit(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

// Blanks and control bytes in a request line would let a URL write headers of its own.
bool is_visible_ascii(char byte) { return byte > 0x20 && byte < 0x7f; }

void check_name(std::string_view host) {
  if (host.empty()) reject("the URL names no host");
  if (host.size() > 253) reject("the host name is longer than 253 characters");
  const auto allowed = [](char byte) { return is_letter_or_digit(byte) || byte == '-' || byte == '.' || byte == '_'; };
  if (!std::all_of(host.begin(), host.end(), allowed))
    reject(quoted(host) + " is not a host name: letters, digits, '-', '.' and '_' make one");
  if (host.front() == '.' || host.front() == '-' || host.find("..") != std::string_view::npos)
    reject(quoted(host) + " is not a host name: one of its parts is empty, or begins with '-'");
}

void check_number_in_brackets(std::string_view host) {
  const auto allowed = [](char byte) { return is_letter_or_digit(byte) || byte == ':' || byte == '.' || byte == '%'; };
  if (host.empty() || !std::all_of(host.begin(), host.end(), allowed))
    reject(quoted(host) + " in brackets is not an IPv6 address");
}

void check_port(std::string_view port) {
  if (number_from<std::uint16_t>(port).value_or(0) == 0)
    reject(quoted(port) + " is not a port: a number from 1 to 65535 is one");
}

// Takes "host", "host:port", "[::1]" or "[::1]:port" apart.
void parse_authority(std::string_view authority, HttpUrl& parts) {
  std::string_view after_host;
  if (authority.substr(0, 1) == "[") {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) reject("the ']' of the IPv6 address is missing");
    parts.host = authority.substr(1, end - 1);
    check_number_in_brackets(parts.host);
    after_host = authority.substr(end + 1);
    if (!after_host.empty() && after_host.front() != ':') reject("after ']' only a ':' and a port may follow");
  } else {
    parts.host = authority.substr(0, authority.find(':'));
    check_name(parts.host);
    after_host = authority.substr(parts.host.size());
  }
  parts.origin = authority;
  parts.port = "80";
  if (after_host.empty()) return;
  parts.port = after_host.substr(1);
  check_port(parts.port);
}

}  // namespace

HttpUrl parse_http_url(std::string_view url) {
  if (same_ignoring_case(url.substr(0, 8), "https://")) reject("https:// needs TLS, and only http:// is spoken here");
  if (!same_ignoring_case(url.substr(0, kScheme.size()), kScheme)) reject("the URL does not begin with http://");
  if (!std::all_of(url.begin(), url.end(), is_visible_ascii))
    reject("the URL has a blank, a control byte or a letter outside ASCII in it: write those as %XX");

  const std::string_view rest = url.substr(0, url.find('#')).substr(kScheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.find('@') != std::string_view::npos) reject("user names and passwords in a URL are not supported");

  HttpUrl parts;
  parse_authority(authority, parts);
  parts.target = rest.substr(authority.size());
  if (parts.target.empty() || parts.target.front() == '?') parts.target.insert(0, 1, '/');
  return parts;
}

}  // namespace examples
