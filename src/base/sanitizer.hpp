#pragma once

#include <atomic>
#include <cstddef>

namespace runtime::inline v1::base {

/// The sanitizers of the program this library runs in, found by name when the process starts.
///
/// The library itself is not instrumented, so one shipped build serves instrumented and plain programs alike. A member
/// is null when that sanitizer is not there.
/// See: sanitizer/common_interface_defs.h and sanitizer/tsan_interface.h of LLVM.
struct Sanitizer {
  bool any;  // somebody has to be told of switches
  void (*start_switch_fiber)(void** fake_stack_save, const void* bottom, std::size_t size);
  void (*finish_switch_fiber)(void* fake_stack, const void** old_bottom, std::size_t* old_size);
  void (*unpoison)(const volatile void* address, std::size_t size);
  void* (*tsan_create_fiber)(unsigned flags);
  void (*tsan_destroy_fiber)(void* fiber);
  void (*tsan_switch_to_fiber)(void* fiber, unsigned flags);
  void* (*tsan_current_fiber)();
  void (*tsan_acquire)(void* address);
  void (*tsan_release)(void* address);
};

extern const Sanitizer sanitizer;

/// Somebody has to be told of switches: a sanitizer, or who has asked for it (fiber/companion.hpp). Never false again.
/// Relaxed: a thread that learns of it late tells nobody of a switch before.
extern constinit std::atomic<bool> switches_are_told;

/// "What this thread did so far happens before whoever calls happens_after(address) from now on." For the hand-overs
/// between threads that ThreadSanitizer cannot see in uninstrumented code.
inline void happens_before(void* address) noexcept {
  if (sanitizer.tsan_release != nullptr) sanitizer.tsan_release(address);
}
inline void happens_after(void* address) noexcept {
  if (sanitizer.tsan_acquire != nullptr) sanitizer.tsan_acquire(address);
}

}  // namespace runtime::inline v1::base
