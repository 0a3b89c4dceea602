#pragma once

#include <stdio.h>

#include <cstddef>
#include <cstdint>

#include "preload/stream.hpp"
#include "preload/stream_lock.hpp"
#include "preload/stream_turn.hpp"

namespace runtime::preload {

/// Reading from a stream on a fiber: it parks until there is something, then the C library fetches it. What is at hand
/// is taken with the C library's calls, never more than that: they would block in a second read.
///
/// Thread safety: the fiber's own. Borrows: the stream, whose lock it holds except while it is parked.
class Input final {
 public:
  explicit Input(FILE* file) noexcept : turn_(file, Side::reading), lock_(file), file_(file), stream_(file) {}

  /// The C library's own call will not wait: it is no stream of bytes that waits.
  static bool is_for_original(FILE* file) noexcept {
    const Stream stream(file);
    return stream.is_wide() || !stream.may_wait();
  }

  enum class Filled : std::uint8_t { at_hand, end, failed };  // failed: errno, and the stream's error, are set

  /// Parks until there is something at hand.
  Filled fill() noexcept;

  /// Up to `most` bytes of what is at hand; 0 when that is nothing.
  std::size_t take(char* into, std::size_t most) noexcept;
  /// The same, but not beyond the first `last`.
  std::size_t take_until(char* into, std::size_t most, int last) noexcept;
  /// The next byte, waited for, or EOF.
  int take_one() noexcept { return fill() == Filled::at_hand ? ::fgetc_unlocked(file_) : EOF; }

  std::size_t at_hand() const noexcept { return stream_.at_hand(); }

 private:
  bool flush_what_is_due() noexcept;

  StreamTurn turn_;
  StreamLock lock_;
  FILE* const file_;
  const Stream stream_;
};

}  // namespace runtime::preload
