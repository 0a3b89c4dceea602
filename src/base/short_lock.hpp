#pragma once

#include <atomic>
#include <cstdint>

#include "base/compiler.hpp"
#include "base/only_thread.hpp"
#include "base/sanitizer.hpp"

namespace runtime::inline v1::base {

/// Holds a lock of one word, 0 while it is free, for a few instructions: links are changed, numbers added. Nobody parks,
/// allocates, wakes or runs code of the user's while he holds it, so whoever finds it taken spins, and sleeps only when
/// the holder has lost its processor.
///
/// One atomic read-modify-write to lock, none where the process has one thread, and a plain store to unlock. (A futex would
/// need a second read-modify-write to learn of sleepers.)
/// Thread safety: any thread. Borrows: the word, which may go as soon as unlock() has been called.
class ShortLock final {
 public:
  explicit ShortLock(std::atomic<std::uint32_t>& word) noexcept : word_(&word) { lock(word); }
  ShortLock(const ShortLock&) = delete;
  ShortLock& operator=(const ShortLock&) = delete;
  ~ShortLock() {
    if (word_ != nullptr) unlock();
  }

  void unlock() noexcept {
    unlock(*word_);
    word_ = nullptr;
  }

  /// The two halves, for code that hands the lock on from call to call: a guard that is passed by reference has to be in
  /// memory, and to be asked in the end.
  static void lock(std::atomic<std::uint32_t>& word) noexcept {
    if (is_only_thread()) {
      word.store(1, std::memory_order_relaxed);  // nobody parks while he holds it, so it is free
    } else if (RUNTIME_UNLIKELY(word.exchange(1, std::memory_order_acquire) != 0)) {
      wait(word);
    }
    happens_after(&word);
  }
  static void unlock(std::atomic<std::uint32_t>& word) noexcept {
    happens_before(&word);
    word.store(0, std::memory_order_release);  // pairs with the exchange of whoever is next
  }

 private:
  static void wait(std::atomic<std::uint32_t>& word) noexcept;

  std::atomic<std::uint32_t>* word_;  // null: unlocked already
};

}  // namespace runtime::inline v1::base
