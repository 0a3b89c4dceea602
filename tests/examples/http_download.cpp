#include "http_download.hpp"

#include <limits>
#include <optional>
#include <string_view>

#include "download_error.hpp"
#include "http_socket.hpp"
#include "http_url.hpp"
#include "output_file.hpp"
#include "text.hpp"

namespace examples {

namespace {

// A head or a trailer longer than this is no honest server's.
constexpr int kMostLines = 200;

struct Head {
  int status = 0;
  std::string reason;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
};

[[noreturn]] void not_http(const std::string& sentence) { throw DownloadError(DownloadStep::protocol, sentence); }

void send_request(HttpSocket& server, const HttpUrl& url) {
  server.send_all("GET " + url.target + " HTTP/1.1\r\nHost: " + url.origin +
                  "\r\nUser-Agent: libruntime-example\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

// "HTTP/1.1 404 Not Found", the last part of which may be missing.
void parse_status_line(std::string_view line, Head& head) {
  const bool has_the_shape =
      line.size() >= 12 && line.substr(0, 7) == "HTTP/1." && line[8] == ' ' && (line.size() == 12 || line[12] == ' ');
  if (has_the_shape) head.status = number_from<int>(line.substr(9, 3)).value_or(0);
  if (head.status < 100) not_http("the answer is not HTTP/1: it begins with " + quoted(line, 60));
  head.reason = printable(trimmed(line.substr(12)), 60);
}

void take_header(std::string_view line, Head& head) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos)
    not_http("the answer has a line " + quoted(line, 60) + " where a header should be");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_ignoring_case(name, "Transfer-Encoding")) {
    if (!same_ignoring_case(value, "chunked"))
      not_http("the body comes in the transfer encoding " + quoted(value, 60) + ", which is not supported");
    head.chunked = true;
  } else if (same_ignoring_case(name, "Content-Length")) {
    const auto length = number_from<std::uint64_t>(value);
    if (!length) not_http("the Content-Length " + quoted(value, 60) + " is not a number");
    if (head.content_length.value_or(*length) != *length) not_http("the answer has two different Content-Lengths");
    head.content_length = length;
  }
}

Head read_head(HttpSocket& server) {
  Head head;
  parse_status_line(server.read_line(), head);
  for (int lines = 0; lines < kMostLines; ++lines) {
    const std::string line = server.read_line();
    if (line.empty()) return head;
    take_header(line, head);
  }
  not_http("the answer has more than " + std::to_string(kMostLines) + " headers");
}

// 1xx answers only announce the real one.
Head read_final_head(HttpSocket& server) {
  for (int heads = 0; heads < kMostLines; ++heads) {
    Head head = read_head(server);
    if (head.status >= 200) return head;
  }
  not_http("the server announces an answer over and over, and sends none");
}

void receive_exactly(HttpSocket& server, std::uint64_t size, OutputFile& file) {
  for (std::uint64_t left = size; left > 0;) {
    const std::string_view some = server.read_some(left);
    if (some.empty()) {
      throw DownloadError(DownloadStep::body, "the body ended early: " + std::to_string(size - left) + " of " +
                                                  std::to_string(size) + " bytes came");
    }
    file.write(some);
    left -= some.size();
  }
}

void receive_chunks(HttpSocket& server, OutputFile& file) {
  for (;;) {
    const std::string line = server.read_line();
    const std::string_view digits = trimmed(std::string_view(line).substr(0, line.find(';')));
    const auto size = number_from<std::uint64_t>(digits, 16);
    if (!size) not_http("the body has a chunk of the size " + quoted(digits, 60));
    if (*size == 0) break;
    receive_exactly(server, *size, file);
    if (!server.read_line().empty()) not_http("a chunk of the body is longer than it says");
  }
  for (int lines = 0; lines < kMostLines; ++lines) {
    if (server.read_line().empty()) return;
  }
  not_http("the body has more than " + std::to_string(kMostLines) + " trailers");
}

void receive_body(HttpSocket& server, const Head& head, OutputFile& file) {
  if (head.status == 204) return;  // No Content, whatever its headers say
  if (head.chunked) return receive_chunks(server, file);
  if (head.content_length) return receive_exactly(server, *head.content_length, file);
  constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  for (std::string_view some = server.read_some(kAny); !some.empty(); some = server.read_some(kAny)) file.write(some);
}

}  // namespace

std::uint64_t http_download(const std::string& url, const std::string& path, std::chrono::milliseconds silence) {
  const HttpUrl parts = parse_http_url(url);
  HttpSocket server(parts, silence);
  send_request(server, parts);
  const Head head = read_final_head(server);
  if (head.status >= 300)
    throw DownloadError(DownloadStep::status, "the server answered " + std::to_string(head.status) + " " + head.reason);
  OutputFile file(path);
  receive_body(server, head, file);
  file.commit();
  return file.size();
}

}  // namespace examples
