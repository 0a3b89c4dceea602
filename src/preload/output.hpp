#pragma once

#include <stdio.h>

#include <cstddef>

#include "preload/stream.hpp"
#include "preload/stream_lock.hpp"
#include "preload/stream_turn.hpp"

namespace runtime::preload {

/// Writing to a stream on a fiber. What the buffer takes is the C library's; what has to go to the kernel is taken out
/// of the buffer and written by the fiber, which parks while nobody reads.
///
/// Between two parts of one call a plain thread may get in with a text of its own: the stream's lock is not held while
/// the fiber is parked. Other fibers wait for their turn.
/// Thread safety: the fiber's own. Borrows: the stream.
class Output final {
 public:
  explicit Output(FILE* file) noexcept : turn_(file, Side::writing), lock_(file), file_(file), stream_(file) {
    if (!turn_.is_had()) stream_.set_error();
  }

  /// The C library's own call will not wait for the descriptor: the bytes stay in the buffer, or it is a file, or it is
  /// to fail at once.
  static bool is_for_original(FILE* file, const char* bytes, std::size_t size) noexcept;

  /// Gives the stream bytes, and returns how many it took: fewer with errno and the stream's error set.
  std::size_t put(const char* bytes, std::size_t size) noexcept;

  /// What fflush() does. False with errno.
  bool flush() noexcept { return turn_.is_had() && send(nullptr, 0); }

 private:
  bool send(const char* bytes, std::size_t size) noexcept;
  bool keep(const char* bytes, std::size_t size) noexcept;

  StreamTurn turn_;
  StreamLock lock_;
  FILE* const file_;
  const Stream stream_;
};

/// fwrite() of bytes, on a fiber.
std::size_t write_parking(FILE* file, const char* bytes, std::size_t size) noexcept;

}  // namespace runtime::preload
