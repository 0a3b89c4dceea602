#pragma once

#include <atomic>
#include <cstdint>

#include "base/compiler.hpp"
#include "base/sanitizer.hpp"

namespace runtime::inline v1::base {

/// Holds a lock of one word, 0 while it is free, for a few instructions: links are changed, numbers added. Nobody parks,
/// allocates, wakes or runs code of the user's while he holds it, so whoever finds it taken spins, and sleeps only when
/// the holder has lost its processor.
///
/// One atomic read-modify-write to lock and a plain store to unlock. (A futex would need a second read-modify-write to
/// learn of sleepers.)
/// Thread safety: any thread. Borrows: the word, which may go as soon as unlock() has been called.
class ShortLock final {
 public:
  explicit ShortLock(std::atomic<std::uint32_t>& word) noexcept : word_(&word) {
    if (RUNTIME_UNLIKELY(word.exchange(1, std::memory_order_acquire) != 0)) wait(word);
    happens_after(&word);
  }
  ShortLock(const ShortLock&) = delete;
  ShortLock& operator=(const ShortLock&) = delete;
  ~ShortLock() {
    if (word_ != nullptr) unlock();
  }

  void unlock() noexcept {
    happens_before(word_);
    word_->store(0, std::memory_order_release);  // pairs with the exchange of whoever is next
    word_ = nullptr;
  }

 private:
  static void wait(std::atomic<std::uint32_t>& word) noexcept;

  std::atomic<std::uint32_t>* word_;  // null: unlocked already
};

}  // namespace runtime::inline v1::base
