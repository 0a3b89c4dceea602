#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace examples {

/// An HTTP server that lets every answer wait, as a far or busy one does; itself a program on fibers.
///
/// One fiber accepts, and one fiber serves each connection, in plain blocking style: read the request, sleep, send the
/// answer, close. A GET of any path gets slow_body() of it.
///
/// Thread safety: the thread that made it.
/// Owns: the listening socket.
class SlowServer final {
 public:
  struct Options {
    std::uint16_t port = 0;  // 0: one that is free
    std::chrono::milliseconds delay = std::chrono::milliseconds(100);
    std::size_t body_size = 4096;
  };

  /// Listens on 127.0.0.1. Throws: std::system_error.
  explicit SlowServer(const Options& options);
  ~SlowServer();

  SlowServer(const SlowServer&) = delete;
  SlowServer& operator=(const SlowServer&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  /// Serves until the other end of the descriptor is closed: a pipe from the process that wants the server, so that the
  /// server goes when that process goes, however it ends. Connections that are open then are cut.
  ///
  /// Call it outside a runtime; it makes its own.
  /// Throws: std::system_error if accepting fails for good.
  void serve_until_end_of(int control);

  /// Serves until the process is ended. Throws: as serve_until_end_of().
  void serve();

 private:
  void accept_all();

  Options options_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
};

/// What the server sends for a path: `size` bytes that differ from path to path.
std::string slow_body(std::string_view path, std::size_t size);

}  // namespace examples
