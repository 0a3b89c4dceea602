#include "blocking/idle_thread.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/relax.hpp"
#include "base/system_error.hpp"

namespace runtime::inline v1::blocking {
namespace {

constexpr int kLooksBetweenTimes = 16;  // reading the clock costs as much as some of them

}  // namespace

// Acquire, here and below: pairs with rouse().
void IdleThread::wait(base::Nanos looks_until, base::Nanos deadline) noexcept {
  const base::ErrnoKeeper keeper;
  while (looks_until != 0) {
    for (int look = 0; look < kLooksBetweenTimes; ++look) {
      if (state_.load(std::memory_order_acquire) == roused) return;
      base::relax();
    }
    if (base::monotonic_now() >= looks_until) break;
  }
  std::uint32_t before = looking;
  state_.compare_exchange_strong(before, asleep, std::memory_order_acquire);
  const timespec end = base::to_timespec(deadline);
  while (state_.load(std::memory_order_acquire) != roused) {
    // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC deadline: futex(2).
    const long result = ::syscall(SYS_futex, &state_, FUTEX_WAIT_BITSET_PRIVATE, asleep,
                                  deadline == base::kForever ? nullptr : &end, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result != 0 && errno == ETIMEDOUT) return;
  }
}

void IdleThread::rouse() noexcept {
  if (state_.exchange(roused, std::memory_order_acq_rel) != asleep) return;
  // From here on only the address is used: at worst the kernel finds nobody there, or wakes somebody who looks again.
  const base::ErrnoKeeper keeper;
  ::syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace runtime::inline v1::blocking
