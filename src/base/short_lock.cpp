#include "base/short_lock.hpp"

#include <sched.h>
#include <time.h>

#include "base/clock.hpp"
#include "base/relax.hpp"
#include "base/system_error.hpp"

namespace runtime::inline v1::base {
namespace {

constexpr int kSpins = 100;  // about a microsecond: longer than any holder needs that is running
constexpr int kYields = 20;

}  // namespace

void ShortLock::wait(std::atomic<std::uint32_t>& word) noexcept {
  const ErrnoKeeper keeper;
  for (int round = 0;; ++round) {
    if (word.load(std::memory_order_relaxed) == 0 && word.exchange(1, std::memory_order_acquire) == 0) return;
    if (round < kSpins) {
      relax();
    } else if (round < kSpins + kYields) {
      ::sched_yield();
    } else {
      // A holder of lower real-time priority gets no processor from a yield.
      const timespec pause = to_timespec(50'000);
      ::nanosleep(&pause, nullptr);
    }
  }
}

}  // namespace runtime::inline v1::base
