#pragma once

#include <cstddef>
#include <cstdint>

#include "task/task.hpp"

namespace runtime::inline v1::driver {

enum Interest : std::uint8_t { kReadable = 1, kWritable = 2, kPriority = 4 };

/// One task waits for one descriptor: for readiness, or with no interest only for its closing. Lives in the frame of
/// whoever waits.
///
/// Thread safety: owner thread. Borrows: the task. Must be unwatched before it goes.
class FdWatch final {
 public:
  /// `owner`: see EpollSet; 0 for a descriptor that may be anybody's.
  FdWatch(task::Task& task, int fd, std::uint8_t interest, std::uint64_t owner = 0) noexcept
      : task_(task), fd_(fd), interest_(interest), owner_(owner) {}
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  /// What the kernel has reported since the watch began: Interest bits.
  std::uint8_t ready() const noexcept { return ready_; }
  /// The descriptor was closed by somebody who said so.
  bool is_closed() const noexcept { return closed_; }
  bool has_news() const noexcept { return ready_ != 0 || closed_; }

 private:
  friend class EpollSet;

  task::Task& task_;
  int fd_;
  std::uint8_t interest_;
  const std::uint64_t owner_;
  std::uint8_t ready_ = 0;
  bool closed_ = false;
  bool watched_ = false;
  std::uint64_t since_ = 0;      // number of the last close notice when the watch began
  FdWatch* previous_ = nullptr;  // the other watches of this descriptor
  FdWatch* next_ = nullptr;
};

}  // namespace runtime::inline v1::driver
