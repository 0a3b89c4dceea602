#pragma once

#include <unistd.h>

#include <utility>

namespace runtime::inline v1::base {

/// Owns: one file descriptor. Thread safety: none.
class UniqueFd final {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    UniqueFd incoming(std::move(other));  // first, so that a move onto itself keeps the descriptor
    std::swap(fd_, incoming.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const noexcept { return fd_; }
  /// It is the caller's from now on.
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace runtime::inline v1::base
