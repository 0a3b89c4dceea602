#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace runtime::preload {

/// This thread holds the room's lock, or is about to: what it releases meanwhile, within libruntime's waking, wakes nobody.
extern constinit thread_local bool is_in_room [[gnu::tls_model("initial-exec")]];

/// The lock of the waiting room. Ours, because the C library's come back to us. Three states: free, held, held and awaited.
class RoomLock final {
 public:
  void lock() noexcept {
    is_in_room = true;  // and back only when it is free: a signal handler of this thread must not wait for it
    std::atomic_signal_fence(std::memory_order_seq_cst);
    std::uint32_t state = 0;
    if (!word_.compare_exchange_strong(state, 1, std::memory_order_acquire)) {
      while (word_.exchange(2, std::memory_order_acquire) != 0) futex(FUTEX_WAIT_PRIVATE, 2);
    }
  }
  void unlock() noexcept {
    if (word_.exchange(0, std::memory_order_release) == 2) futex(FUTEX_WAKE_PRIVATE, 1);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    is_in_room = false;
  }
  /// In the child of a fork: whoever waited for it is not there.
  void reset() noexcept {
    word_.store(0, std::memory_order_relaxed);
    is_in_room = false;
  }

 private:
  void futex(int operation, std::uint32_t value) noexcept {
    const int errno_before = errno;
    ::syscall(SYS_futex, &word_, operation, value, nullptr, nullptr, 0);
    errno = errno_before;
  }

  std::atomic<std::uint32_t> word_ = 0;
};

}  // namespace runtime::preload
