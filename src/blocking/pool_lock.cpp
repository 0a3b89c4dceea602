#include "blocking/pool_lock.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/relax.hpp"
#include "base/system_error.hpp"

namespace runtime::inline v1::blocking {
namespace {

constexpr int kLooks = 100;  // some microseconds: longer than any holder needs that is running and starts no thread

}  // namespace

// See: Drepper, "Futexes are tricky" (2011), the third mutex.
void PoolLock::wait() noexcept {
  const base::ErrnoKeeper keeper;
  for (int look = 0; look < kLooks; ++look) {
    base::relax();
    std::uint32_t free = word_.load(std::memory_order_relaxed);
    if (free == kFree && word_.compare_exchange_strong(free, kTaken, std::memory_order_acquire,
                                                       std::memory_order_relaxed)) {
      return;
    }
  }
  while (word_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
    // EAGAIN: the word has changed; EINTR: look again. There is no other failure.
    ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, kAwaited, nullptr, nullptr, 0);
  }
}

void PoolLock::wake_one() noexcept {
  const base::ErrnoKeeper keeper;
  ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace runtime::inline v1::blocking
