#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace runtime::preload {

/// Wakes the threads that wait in the kernel for a word of the C or C++ library's; as they wait, so `operation`:
/// FUTEX_WAKE or FUTEX_WAKE_PRIVATE. The word may be gone. Keeps errno.
inline void wake_threads(void* word, int operation) noexcept {
  const int errno_before = errno;
  ::syscall(SYS_futex, word, operation, INT_MAX, nullptr, nullptr, 0);
  errno = errno_before;
}

}  // namespace runtime::preload
