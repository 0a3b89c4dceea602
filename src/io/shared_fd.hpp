#pragma once

#include <atomic>
#include <cstdint>

#include "base/unique_fd.hpp"
#include "driver/fd_watch.hpp"
#include "io/turns.hpp"

namespace runtime::inline v1::io {

/// The two ways to use a descriptor; the values are the driver::Interest bits that each waits for.
enum class Direction : std::uint8_t { read = driver::kReadable, write = driver::kWritable };

/// What is known of a descriptor beyond its being one.
enum class FdKind : std::uint8_t {
  other,
  tcp_stream,  // a read that gives less than was asked for has emptied it, but for what epoll tells of
};

/// A non-blocking descriptor that several fibers and threads use at once.
///
/// Shared by the objects that own it (a socket, or the two halves of one) and by every call that is under way: so an
/// object may go while others wait in it, and the number cannot become another file's before they have left. The last
/// one closes it. A call that finds its turn free is not counted before the object goes: see Turns.
/// Thread safety: any thread. Owns: the descriptor.
class SharedFd final {
 public:
  /// With one share, the caller's. Throws: std::bad_alloc; the descriptor is closed then.
  static SharedFd* make(base::UniqueFd fd, FdKind kind = FdKind::other);

  int fd() const noexcept { return fd_.get(); }
  FdKind kind() const noexcept { return kind_; }
  /// Of all that the process ever has, the only one with this number; never 0.
  std::uint64_t id() const noexcept { return id_; }
  Turns& turns(Direction direction) noexcept { return direction == Direction::read ? reading_ : writing_; }

  /// By an owner of this direction that has a share, and once: ends every wait in it. See Turns.
  void close(Direction direction) noexcept;

  void hold() noexcept { shares_.fetch_add(1, std::memory_order_relaxed); }
  /// May be the last share: closes the descriptor then, telling whoever waits for its number elsewhere. A socket that
  /// lingers is closed on the pool, and the calling fiber parks meanwhile.
  void release() noexcept;

  /// For accept(): the process was out of descriptors at the last try. Guarded by the turn to read.
  bool was_exhausted = false;
  /// For receiving what is no stream: its receiving side has been shut down, of which there is no news twice. Guarded
  /// likewise.
  bool was_shut = false;

 private:
  SharedFd(base::UniqueFd fd, FdKind kind) noexcept;
  ~SharedFd() = default;

  base::UniqueFd fd_;
  const FdKind kind_;
  const std::uint64_t id_;
  std::atomic<std::uint32_t> shares_{1};
  Turns reading_;
  Turns writing_;
};

}  // namespace runtime::inline v1::io
