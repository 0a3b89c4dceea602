#pragma once

#include <string>
#include <string_view>

namespace examples {

/// The parts of "http://host[:port][/path][?query]".
struct HttpUrl {
  std::string host;    // as getaddrinfo takes it: a name, 1.2.3.4, or ::1 without its brackets
  std::string port;    // "80" where the URL names none
  std::string origin;  // as the Host header takes it: host and port, the latter only where the URL names it
  std::string target;  // path and query, as the request line takes them; "/" where the URL has no path
};

/// Takes a URL apart. What follows a '#' is left out: it is never sent.
///
/// Throws: DownloadError (step url), with a sentence on what is wrong with it.
HttpUrl parse_http_url(std::string_view url);

}  // namespace examples
