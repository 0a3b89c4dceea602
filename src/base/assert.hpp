#pragma once

#include "base/compiler.hpp"

namespace runtime::inline v1::base {

/// Reports a bug of this library and ends the program.
[[noreturn]] void fail_assertion(const char* condition, const char* file, int line) noexcept;

}  // namespace runtime::inline v1::base

/// Our own mistakes, always checked.
#define RUNTIME_CHECK(condition)                                                               \
  (RUNTIME_LIKELY(condition) ? static_cast<void>(0)                                            \
                             : ::runtime::base::fail_assertion(#condition, __FILE__, __LINE__))

/// Our own mistakes on paths too hot to check in a release build.
#ifdef NDEBUG
#define RUNTIME_ASSERT(condition) static_cast<void>(sizeof(!(condition)))
#else
#define RUNTIME_ASSERT(condition) RUNTIME_CHECK(condition)
#endif
