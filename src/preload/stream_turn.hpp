#pragma once

#include <stdio.h>

#include <cstdint>

namespace runtime::preload {

enum class Side : std::uint8_t { reading, writing };

/// Somebody is in a reading, or writing, call on a stream and may be parked in it: others who read, or write, there
/// wait until he is through, so that lines and texts stay whole. The stream's own lock cannot do that: it belongs to
/// the thread, which would enter it a second time with another fiber.
///
/// Thread safety: any thread. Parks in the constructor.
class StreamTurn final {
 public:
  StreamTurn(FILE* file, Side side) noexcept;
  StreamTurn(const StreamTurn&) = delete;
  StreamTurn& operator=(const StreamTurn&) = delete;
  ~StreamTurn();

  /// False with ECANCELED or ENOMEM in errno.
  bool is_had() const noexcept { return entry_ != nullptr; }

  /// Somebody has that turn, or waits for it.
  static bool is_taken(FILE* file, Side side) noexcept;

  struct Entry;

 private:
  Entry* entry_;
};

}  // namespace runtime::preload
