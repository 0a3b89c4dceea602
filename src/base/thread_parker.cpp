#include "base/thread_parker.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/system_error.hpp"

namespace runtime::inline v1::base {

bool ThreadParker::park_until(Nanos deadline) noexcept {
  const ErrnoKeeper keeper;
  const timespec end = to_timespec(deadline);
  while (released_.load(std::memory_order_acquire) == 0) {
    // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC deadline: futex(2).
    const long result = ::syscall(SYS_futex, &released_, FUTEX_WAIT_BITSET_PRIVATE, 0,
                                  deadline == kForever ? nullptr : &end, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result != 0 && errno == ETIMEDOUT) return released_.load(std::memory_order_acquire) != 0;
  }
  return true;
}

void ThreadParker::unpark() noexcept {
  const ErrnoKeeper keeper;
  released_.store(1, std::memory_order_release);
  ::syscall(SYS_futex, &released_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace runtime::inline v1::base
