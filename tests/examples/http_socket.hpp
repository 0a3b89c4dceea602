#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "http_url.hpp"

namespace examples {

/// A TCP connection to the host of a URL, and a buffer that gives what arrives as lines or as bytes.
///
/// Old-style blocking code: each call returns when its work is done, however long the network takes.
///
/// Thread safety: one caller at a time.
/// Owns: the socket.
class HttpSocket final {
 public:
  /// Looks the host up and connects, to each of its addresses in turn until one answers.
  /// No call waits longer than `silence` for the other side to do something; zero waits for ever.
  HttpSocket(const HttpUrl& url, std::chrono::milliseconds silence);
  ~HttpSocket();

  HttpSocket(const HttpSocket&) = delete;
  HttpSocket& operator=(const HttpSocket&) = delete;

  void send_all(std::string_view data);

  /// The next line, without its end. Lines of more than 8 KiB and a connection that ends first are errors.
  std::string read_line();

  /// What has arrived, at most `most` bytes, waiting for some if there are none; valid until the next call. Empty: the
  /// server has closed the connection.
  std::string_view read_some(std::size_t most);

 private:
  bool fill();

  int fd_ = -1;
  std::size_t begin_ = 0;  // buffer_[begin_, end_) has arrived and is not read yet
  std::size_t end_ = 0;
  std::array<char, 16384> buffer_;  // left as it is until something arrives: a small answer touches few pages
};

}  // namespace examples
