#pragma once

#include <atomic>
#include <cstdint>

namespace runtime::inline v1::metrics {

/// A count that one thread writes and any thread reads: exact at all times, and as cheap as a plain integer.
class Counter final {
 public:
  void add(std::uint64_t n) noexcept { value_.store(read() + n, std::memory_order_relaxed); }
  void subtract(std::uint64_t n) noexcept { value_.store(read() - n, std::memory_order_relaxed); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace runtime::inline v1::metrics
