#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace runtime::inline v1::base {

/// Stops one OS thread until another lets it go on; one use.
///
/// Thread safety: park() by one thread, unpark() by any, once. After unpark() has begun its last step the parker may be
/// destroyed by the parked thread: unpark() touches only the address, never the object, from then on.
class ThreadParker final {
 public:
  /// False when the deadline came first.
  bool park_until(Nanos deadline) noexcept;
  void park() noexcept { park_until(kForever); }
  void unpark() noexcept;
  bool is_unparked() const noexcept { return released_.load(std::memory_order_acquire) != 0; }

 private:
  std::atomic<std::uint32_t> released_{0};  // written once by unpark(), release; pairs with the acquire loads here
};

}  // namespace runtime::inline v1::base
