#pragma once

#include <stdio.h>

#include <cerrno>

#include <runtime/scope.hpp>

#include "preload/pauses.hpp"

namespace runtime::preload {

/// The C library's own lock of a stream, for the parts of a call in which nobody parks. Another thread may hold it for
/// as long as it blocks in a call: nothing tells when it is through, so the fiber looks again.
///
/// Thread safety: the fiber's own.
class StreamLock final {
 public:
  explicit StreamLock(FILE* file) noexcept : file_(file) { lock(); }
  StreamLock(const StreamLock&) = delete;
  StreamLock& operator=(const StreamLock&) = delete;
  ~StreamLock() { unlock(); }

  void lock() noexcept {
    if (::ftrylockfile(file_) == 0) return;
    const int errno_before = errno;
    Pauses pauses;
    shield([&] {
      while (::ftrylockfile(file_) != 0) pauses.pause();
    });
    errno = errno_before;
  }
  void unlock() noexcept { ::funlockfile(file_); }

 private:
  FILE* const file_;
};

}  // namespace runtime::preload
