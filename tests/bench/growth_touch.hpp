#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "clock.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace bench::growth {

/// N cache lines, each `stride` bytes behind the one before it, joined in random order to one ring: each line holds the
/// place of the next, so that none can be fetched before the one before it has come.
///
/// Owns: the memory. Thread safety: one thread.
class Ring {
 public:
  Ring(std::uint64_t lines, std::size_t stride) : memory_(new (std::align_val_t{kPage}) std::byte[lines * stride]) {
    std::vector<std::uint32_t> order(lines);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
    // With the same place on every page, a few sets of a cache would have to hold all; stacks are spread, too.
    const auto line = [&](std::uint32_t i) {
      const std::size_t spread = stride < kPage ? 0 : (i * kLine) % (kPage / 2);
      return new (memory_.get() + i * stride + spread) Line{nullptr};
    };
    std::vector<Line*> all(lines);
    std::transform(order.begin(), order.end(), all.begin(), line);
    for (std::uint64_t i = 0; i < lines; ++i) {
      all[i]->next = all[(i + 1) % lines];
    }
    at_ = all.front();
  }

  double nanoseconds_per_line(std::uint64_t total) {
    CpuStopwatch stopwatch;
    stopwatch.start();
    for (std::uint64_t i = 0; i < total; ++i) {
      at_ = at_->next;
    }
    stopwatch.stop();
    if (at_ == nullptr) {  // never; but now the loop cannot be left out
      throw std::runtime_error("the ring is broken");
    }
    return stopwatch.nanoseconds_per(total);
  }

  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kPage = 4096;

 private:
  struct alignas(kLine) Line {
    Line* volatile next;
  };

  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{kPage}); }
  };

  std::unique_ptr<std::byte[], Free> memory_;
  Line* at_;
};

/// What the machine itself charges for one line of N: each on a page of its own, as stacks are, and packed.
inline void touch(std::uint64_t lines, std::uint64_t total) {
  const auto measure = [&](std::size_t stride) {
    Ring ring(lines, stride);
    return least(in_slices([&] { return ring.nanoseconds_per_line(total); }));
  };
  figure("ours", measure(Ring::kPage), "ns/line");
  figure("packed", measure(Ring::kLine), "ns/line");
}

}  // namespace bench::growth
