#pragma once

#include <runtime/runtime.hpp>

namespace clients {

// OpenSSL keeps its queue of errors for each thread. `count` fibers raise an error each, wait, and look what they find:
// their own error, and no other. Returns whether it was so; says what was wrong for each that found something else.
bool errors_are_the_fibers_own(runtime::LocalRuntime& runtime, int count);

}  // namespace clients
