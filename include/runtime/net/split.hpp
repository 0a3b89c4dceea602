#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/net/socket_addr.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

class OwnedReadHalf;
class OwnedWriteHalf;

}  // namespace net

namespace detail {

inline std::pair<net::OwnedReadHalf, net::OwnedWriteHalf> split(RawSocket&& whole);

}  // namespace detail

namespace net {

/// The reading half of a stream: see TcpStream for its calls. Destroying it fails whoever waits in it with EBADF, and
/// nobody else; the socket is closed with the second half.
///
/// Thread safety: any thread, several at once; moved and destroyed by one.
class OwnedReadHalf final {
 public:
  std::size_t read(void* buffer, std::size_t size) const { return raw_.read(buffer, size); }
  std::size_t readv(const iovec* parts, int count) const { return raw_.readv(parts, count); }
  std::size_t read_exact(void* buffer, std::size_t size) const {
    raw_.read_exact(buffer, size);
    return size;
  }
  std::size_t peek(void* buffer, std::size_t size) const { return raw_.peek(buffer, size); }
  SocketAddr local_addr() const { return raw_.local_addr(); }
  SocketAddr peer_addr() const { return raw_.peer_addr(); }
  int fd() const noexcept { return raw_.fd(); }

 private:
  friend std::pair<OwnedReadHalf, OwnedWriteHalf> detail::split(detail::RawSocket&& whole);
  explicit OwnedReadHalf(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

/// The writing half of a stream: see TcpStream for its calls. Destroying it shuts the writing direction down, so that
/// the peer sees the end of the stream, and fails whoever waits in it with EBADF.
///
/// Thread safety: any thread, several at once; moved and destroyed by one.
class OwnedWriteHalf final {
 public:
  std::size_t write(const void* data, std::size_t size) const { return raw_.write(data, size); }
  std::size_t writev(const iovec* parts, int count) const { return raw_.writev(parts, count); }
  void write_all(std::string_view data) const { raw_.write_all(data.data(), data.size()); }
  void write_all(const void* data, std::size_t size) const { raw_.write_all(data, size); }
  /// The end of the stream now, with the half still there; only SHUT_WR makes sense.
  void shutdown(int how = SHUT_WR) const { raw_.shutdown(how); }
  SocketAddr local_addr() const { return raw_.local_addr(); }
  SocketAddr peer_addr() const { return raw_.peer_addr(); }
  int fd() const noexcept { return raw_.fd(); }

 private:
  friend std::pair<OwnedReadHalf, OwnedWriteHalf> detail::split(detail::RawSocket&& whole);
  explicit OwnedWriteHalf(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

}  // namespace net

inline std::pair<net::OwnedReadHalf, net::OwnedWriteHalf> detail::split(RawSocket&& whole) {
  RawSocket writing = whole.split_write();
  return {net::OwnedReadHalf(std::move(whole)), net::OwnedWriteHalf(std::move(writing))};
}

}  // namespace v1
}  // namespace runtime
