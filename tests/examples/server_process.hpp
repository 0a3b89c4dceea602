#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

namespace examples {

/// A slow_server in a process of its own, for as long as this object lives; it ends with this process in any case.
///
/// Make it while the process has one thread: only that one is in the child.
///
/// Owns: the child process, and the pipe whose end it waits for.
class ServerProcess final {
 public:
  /// Throws: std::system_error; std::runtime_error if the server does not come up (it has said why on stderr).
  explicit ServerProcess(std::size_t body_size);
  ~ServerProcess();

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  std::uint16_t port() const noexcept { return port_; }

 private:
  void end() noexcept;

  pid_t child_ = -1;
  int control_ = -1;  // the write end; the server ends when it is closed
  std::uint16_t port_ = 0;
};

}  // namespace examples
