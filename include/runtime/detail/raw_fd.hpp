#pragma once

#include <cstdint>
#include <utility>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

namespace io {
class SharedFd;
}

namespace detail {

/// What a socket, a half of one, or an end of a pipe owns: a share in a descriptor, and the say over when one or both
/// of its directions are closed.
///
/// Thread safety: any thread may use it while others do; moved and destroyed by one. Owns: a share.
class RUNTIME_API RawFd final {
 public:
  enum Directions : std::uint8_t { kNone = 0, kRead = 1, kWrite = 2, kBoth = 3 };

  RawFd() noexcept = default;
  /// Takes the caller's share over.
  RawFd(io::SharedFd* shared, Directions directions) noexcept : shared_(shared), directions_(directions) {}
  RawFd(RawFd&& other) noexcept
      : shared_(std::exchange(other.shared_, nullptr)), directions_(std::exchange(other.directions_, kNone)) {}
  RawFd& operator=(RawFd&& other) noexcept {
    RawFd incoming(std::move(other));  // first, so that a move onto itself keeps the descriptor
    std::swap(shared_, incoming.shared_);
    std::swap(directions_, incoming.directions_);
    return *this;
  }
  ~RawFd() {
    if (shared_ != nullptr) close();
  }

  /// -1 when it is closed or was moved from.
  int fd() const noexcept;
  /// Throws: Error invalid_argument when it is closed or was moved from.
  io::SharedFd& shared() const;
  /// Gives the writing direction to the result and keeps the reading one; with the result, that direction of the socket
  /// is shut down. Throws: Error invalid_argument.
  RawFd split_write();

 private:
  void close() noexcept;

  io::SharedFd* shared_ = nullptr;
  Directions directions_ = kNone;
};

}  // namespace detail
}  // namespace v1
}  // namespace runtime
