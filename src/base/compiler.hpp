#pragma once

// What we ask of the compiler beyond the language.

#define RUNTIME_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define RUNTIME_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

// For the few frames that are still on a fiber's stack when it goes back to the pool: AddressSanitizer's fake stack of
// that fiber is given up at that moment, so nothing of them may live there.
#define RUNTIME_NO_ASAN __attribute__((no_sanitize("address")))

// Thread-locals of this library are reached through %fs directly, not through __tls_get_addr: the library has a few
// dozen bytes of them, which fit into what the loader reserves for libraries opened at run time.
#define RUNTIME_TLS __attribute__((tls_model("initial-exec")))
