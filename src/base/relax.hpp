#pragma once

namespace runtime::inline v1::base {

/// One turn of a loop that waits for another processor: gives what the two share to that one, where they share a core.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace runtime::inline v1::base
