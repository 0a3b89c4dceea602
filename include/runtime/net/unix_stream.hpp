#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

#include <runtime/detail/raw_socket.hpp>
#include <runtime/net/socket_addr.hpp>
#include <runtime/net/split.hpp>

namespace runtime {
inline namespace v1 {
namespace net {

/// A connection of the Unix domain. Its calls wait, throw and are cancelled as those of TcpStream, of the same names.
///
/// Thread safety: any thread, several at once; moved and destroyed by one.
class UnixStream final {
 public:
  /// To the listener at that path; one that begins with a zero byte is a name in the abstract namespace.
  /// Parks: while the listener's queue is full. Throws: Error invalid_argument for a path that is empty or too long;
  /// ENOENT, ECONNREFUSED, EACCES.
  static UnixStream connect(std::string_view path) { return connect(SocketAddr::from_path(path)); }
  static UnixStream connect(const SocketAddr& address) { return UnixStream(detail::unix_connect(address)); }
  /// Two that are connected to each other. Never parks.
  static std::pair<UnixStream, UnixStream> pair() {
    detail::RawSocket a, b;
    detail::unix_pair(SOCK_STREAM, a, b);
    return {UnixStream(std::move(a)), UnixStream(std::move(b))};
  }

  std::size_t read(void* buffer, std::size_t size) const { return raw_.read(buffer, size); }
  std::size_t readv(const iovec* parts, int count) const { return raw_.readv(parts, count); }
  std::size_t read_exact(void* buffer, std::size_t size) const {
    raw_.read_exact(buffer, size);
    return size;
  }
  std::size_t peek(void* buffer, std::size_t size) const { return raw_.peek(buffer, size); }
  std::size_t write(const void* data, std::size_t size) const { return raw_.write(data, size); }
  std::size_t writev(const iovec* parts, int count) const { return raw_.writev(parts, count); }
  void write_all(std::string_view data) const { raw_.write_all(data.data(), data.size()); }
  void write_all(const void* data, std::size_t size) const { raw_.write_all(data, size); }
  void shutdown(int how) const { raw_.shutdown(how); }
  SocketAddr local_addr() const { return raw_.local_addr(); }
  SocketAddr peer_addr() const { return raw_.peer_addr(); }
  int fd() const noexcept { return raw_.fd(); }
  std::pair<OwnedReadHalf, OwnedWriteHalf> into_split() { return detail::split(std::move(raw_)); }

 private:
  friend class UnixListener;
  explicit UnixStream(detail::RawSocket&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawSocket raw_;
};

}  // namespace net
}  // namespace v1
}  // namespace runtime
