#pragma once

#include <cxxabi.h>

namespace runtime::inline v1::fiber {

/// The exceptions a fiber is handling and how many it has in flight: the two words that the C++ ABI keeps per thread.
///
/// They have to travel with the fiber: two fibers parked inside `catch` would otherwise each rethrow the other's
/// exception. Boost.Context before 1.88 leaves them where they are, 1.88 breaks them, and we use none of its classes.
/// See: Itanium C++ ABI, "Exception Handling", 2.2.2 (caughtExceptions, uncaughtExceptions).
struct ExceptionState {
  void* caught = nullptr;
  unsigned uncaught = 0;
};

/// Those of the calling thread. The address stays the same as long as the thread lives.
inline ExceptionState* exception_state_of_thread() noexcept {
  return reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
}

}  // namespace runtime::inline v1::fiber
