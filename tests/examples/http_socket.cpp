#include "http_socket.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "download_error.hpp"
#include "posix_names.hpp"

namespace examples {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// Unlike strerror, safe to be asked by many threads at once.
std::string meaning_of(int error) { return std::generic_category().message(error); }

AddressList addresses_of(const HttpUrl& url) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // An address written in digits needs no name server: asked for first, so that only real names cost a look-up.
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  int failure = getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
  if (failure == EAI_NONAME) {
    hints.ai_flags = AI_NUMERICSERV;
    failure = getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
  }
  if (failure != 0) {
    const std::string reason = failure == EAI_SYSTEM ? meaning_of(errno) : gai_strerror(failure);
    throw DownloadError(DownloadStep::resolve, "cannot find the host \"" + url.host + "\": " + reason);
  }
  return AddressList(found, &freeaddrinfo);
}

// From here on, a call on the socket that waits longer fails with EAGAIN (connect: EINPROGRESS).
int limit_silence(int fd, std::chrono::milliseconds silence) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(silence);
  timeval limit{};
  limit.tv_sec = seconds.count();
  limit.tv_usec = std::chrono::microseconds(silence - seconds).count();
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) return -1;
  return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// A socket connected to the address, or -1 with errno.
int connected_to(const addrinfo& address, std::chrono::milliseconds silence) {
  const int fd = socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol);
  if (fd < 0) return -1;
  if (limit_silence(fd, silence) == 0 && connect(fd, address.ai_addr, address.ai_addrlen) == 0) return fd;
  const int failure = errno;
  close(fd);
  errno = failure == EINPROGRESS ? ETIMEDOUT : failure;
  return -1;
}

}  // namespace

HttpSocket::HttpSocket(const HttpUrl& url, std::chrono::milliseconds silence) {
  const AddressList addresses = addresses_of(url);
  int failure = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    fd_ = connected_to(*address, silence);
    if (fd_ >= 0) return;
    failure = errno;
  }
  throw DownloadError(DownloadStep::connect,
                      "cannot connect to " + url.host + " port " + url.port + ": " + meaning_of(failure));
}

HttpSocket::~HttpSocket() { close(fd_); }

void HttpSocket::send_all(std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      data.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      throw DownloadError(DownloadStep::send, "the server stopped taking the request: timed out");
    } else if (errno != EINTR) {
      throw DownloadError(DownloadStep::send, "cannot send the request: " + meaning_of(errno));
    }
  }
}

std::string HttpSocket::read_line() {
  constexpr std::size_t kLongest = 8192;
  std::string line;
  for (;;) {
    if (begin_ == end_ && !fill())
      throw DownloadError(DownloadStep::receive, "the server closed the connection before its answer was complete");
    const char* const start = buffer_.data() + begin_;
    const void* const newline = std::memchr(start, '\n', end_ - begin_);
    const std::size_t length =
        newline == nullptr ? end_ - begin_ : static_cast<std::size_t>(static_cast<const char*>(newline) - start);
    line.append(start, length);
    begin_ += length;
    if (line.size() > kLongest)
      throw DownloadError(DownloadStep::protocol, "the server sent a line of more than 8 KiB before the body");
    if (newline == nullptr) continue;
    ++begin_;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }
}

std::string_view HttpSocket::read_some(std::size_t most) {
  if (begin_ == end_ && !fill()) return {};
  const std::string_view some(buffer_.data() + begin_, std::min(most, end_ - begin_));
  begin_ += some.size();
  return some;
}

// Waits for more; false at the end of the connection. Called when the buffer is empty.
bool HttpSocket::fill() {
  ssize_t received = -1;
  do {
    received = recv(fd_, buffer_.data(), buffer_.size(), 0);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    throw DownloadError(DownloadStep::receive, errno == EAGAIN ? "the server fell silent: timed out"
                                                               : "the connection broke: " + meaning_of(errno));
  }
  begin_ = 0;
  end_ = static_cast<std::size_t>(received);
  return received > 0;
}

}  // namespace examples
