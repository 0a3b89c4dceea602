#pragma once

#include <algorithm>
#include <cstddef>

#include "base/clock.hpp"

namespace runtime::inline v1::task {

/// Whether the next memory for cells is to be a huge page, judged by what the last ones took.
///
/// One that is at hand takes a third of what the 512 small ones in its place take, and makes every task cheaper that lies
/// in it. But where the kernel, or the host of a virtual machine, has to find it first, it takes six times as much, and
/// so do those that follow: then come small pages, until there is as much again of memory.
/// Thread safety: one thread.
class PageChoice final {
 public:
  static constexpr std::size_t kHugePage = 2 * 1024 * 1024;
  /// What took longer was not at hand: the small ones in its place take about 0.8 ms, and one at hand 0.3.
  static constexpr base::Nanos kSlow = 1'200'000;
  /// The least that comes in small pages after a slow one, in bytes: so a needless try costs little of it.
  static constexpr std::size_t kSmallAtLeast = 32 * 1024 * 1024;

  bool is_huge() const noexcept { return taken_ >= small_until_; }
  /// So much memory was taken, in small pages.
  void took_small(std::size_t bytes) noexcept { taken_ += bytes; }
  /// A huge page was taken, in that time.
  void took_huge(base::Nanos time) noexcept {
    taken_ += kHugePage;
    if (time > kSlow) small_until_ = taken_ + std::max(taken_, kSmallAtLeast);
  }

 private:
  std::size_t taken_ = 0;
  std::size_t small_until_ = 0;  // of taken_
};

}  // namespace runtime::inline v1::task
