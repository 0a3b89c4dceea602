#pragma once

#include <cstddef>

extern "C" {

/// A system call from code that the kernel never hands to us (complete mode names it the allowed range). Result: the
/// kernel's, negative error numbers included.
long runtime_preload_raw_call(long number, long a, long b, long c, long d, long e, long f) noexcept;

/// rt_sigreturn with the stack of whoever called it, where the frame lies: never returns.
[[noreturn]] void runtime_preload_return_from(void* frame) noexcept;

/// What a signal handler returns to.
void runtime_preload_restorer() noexcept;

/// The two ends of these functions' code.
extern const char runtime_preload_allowed_begin[];
extern const char runtime_preload_allowed_end[];
}
