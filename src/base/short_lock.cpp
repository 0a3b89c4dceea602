#include "base/short_lock.hpp"

#include "base/backoff.hpp"

namespace runtime::inline v1::base {

void ShortLock::wait(std::atomic<std::uint32_t>& word) noexcept {
  Backoff backoff;
  while (word.load(std::memory_order_relaxed) != 0 || word.exchange(1, std::memory_order_acquire) != 0) backoff.pause();
}

}  // namespace runtime::inline v1::base
