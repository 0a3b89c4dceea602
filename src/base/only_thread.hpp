#pragma once

#include <atomic>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define RUNTIME_KNOWS_ITS_THREADS
#endif

namespace runtime::inline v1::base {

/// The C library knows of one thread, so there is nobody to exclude: what several threads may change can be changed without
/// a locked instruction, which costs as much as a switch between fibers. Not for what signal handlers use.
///
/// False as soon as a second thread is about to be started; what was written before is known to it, as pthread_create()
/// says. A later glibc may say true again once the others have ended. Always false where the C library does not tell.
/// Threads that it has not started (bare clone(), another C library of dlmopen()) must not use this library, as they must
/// not use malloc().
/// See: __libc_single_threaded in the manual of glibc (2.32).
inline bool is_only_thread() noexcept {
#ifdef RUNTIME_KNOWS_ITS_THREADS
  return __libc_single_threaded != 0;
#else
  return false;
#endif
}

/// word.compare_exchange_strong(), for one thread or many. `order` is that of a success, and the caller says what it pairs
/// with; a failure orders nothing, and costs no locked instruction either if a load tells of it.
template <class T>
[[gnu::always_inline]] inline bool replace(std::atomic<T>& word, T expected, T desired, std::memory_order order) noexcept {
  if (word.load(std::memory_order_relaxed) != expected) return false;
  if (is_only_thread()) {
    word.store(desired, std::memory_order_relaxed);
    return true;
  }
  return word.compare_exchange_strong(expected, desired, order, std::memory_order_relaxed);
}

}  // namespace runtime::inline v1::base
