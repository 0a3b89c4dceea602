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
void IdleThread::look(base::Nanos deadline) noexcept {
  do {
    for (int look = 0; look < kLooksBetweenTimes; ++look) {
      if (state_.load(std::memory_order_acquire) == roused) return;
      base::relax();
    }
  } while (base::monotonic_now() < deadline);
}

void IdleThread::sleep_as(State state, base::Nanos deadline) noexcept {
  const base::ErrnoKeeper keeper;
  std::uint32_t before = state_.load(std::memory_order_acquire);
  while (before != roused && !state_.compare_exchange_weak(before, state, std::memory_order_acquire)) {
  }
  const timespec end = base::to_timespec(deadline);
  while (state_.load(std::memory_order_acquire) != roused) {
    // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC deadline: futex(2).
    const long result = ::syscall(SYS_futex, &state_, FUTEX_WAIT_BITSET_PRIVATE, state,
                                  deadline == base::kForever ? nullptr : &end, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result != 0 && errno == ETIMEDOUT) return;
  }
}

void IdleThread::rouse() noexcept {
  const std::uint32_t before = state_.exchange(roused, std::memory_order_acq_rel);
  if (before == napping || before == asleep) wake(&state_);
}

const void* IdleThread::rouse_later() noexcept {
  const std::uint32_t before = state_.exchange(roused, std::memory_order_acq_rel);
  if (before == asleep) wake(&state_);
  return before == napping ? &state_ : nullptr;
}

// Of the thread only the address is used: at worst the kernel finds nobody there, or wakes somebody who looks again.
void IdleThread::wake(const void* napper) noexcept {
  const base::ErrnoKeeper keeper;
  ::syscall(SYS_futex, napper, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace runtime::inline v1::blocking
