#pragma once

#include <atomic>
#include <cstdint>

#include "base/compiler.hpp"
#include "base/sanitizer.hpp"

namespace runtime::inline v1::blocking {

/// The lock of a pool: a mutex of one word. Most hold it for a dozen instructions, so whoever finds it taken looks again
/// for a moment; whoever starts a thread holds it for long, so then it sleeps.
///
/// std::mutex sleeps at once. Submitter and pool threads meet at this lock once for each job, and where the jobs are
/// short they would spend most of their time in the kernel, waking one another for a few instructions.
/// Thread safety: any thread. Meets std::unique_lock and std::condition_variable_any.
class PoolLock final {
 public:
  PoolLock() noexcept = default;
  PoolLock(const PoolLock&) = delete;
  PoolLock& operator=(const PoolLock&) = delete;

  void lock() noexcept {
    std::uint32_t free = kFree;
    if (RUNTIME_UNLIKELY(!word_.compare_exchange_strong(free, kTaken, std::memory_order_acquire,
                                                        std::memory_order_relaxed))) {
      wait();
    }
    base::happens_after(this);
  }

  void unlock() noexcept {
    base::happens_before(this);
    // Pairs with the acquire of whoever is next.
    if (RUNTIME_UNLIKELY(word_.exchange(kFree, std::memory_order_release) == kAwaited)) wake_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kTaken = 1;
  static constexpr std::uint32_t kAwaited = 2;  // taken, and somebody may sleep

  void wait() noexcept;
  void wake_one() noexcept;

  std::atomic<std::uint32_t> word_{kFree};
};

}  // namespace runtime::inline v1::blocking
