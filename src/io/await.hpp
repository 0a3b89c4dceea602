#pragma once

#include <cstdint>

#include "io/wait.hpp"

// Waiting for descriptors as C++ calls do it: they throw, and serve plain threads too.

namespace runtime::inline v1::io {

/// The beginning of a call that may wait. On a fiber it costs one unit of the budget. True: on a fiber. `what` names
/// the call. Throws: Error io_disabled; Cancelled.
bool begin_await(const char* what);

/// Until the descriptor is ready, or may be: the fiber parks, a plain thread blocks. `what` names the call that said
/// EAGAIN. Throws: Cancelled; std::system_error EBADF when it was closed meanwhile: whatever owned it may be gone then.
void await_fd(int fd, std::uint8_t interest, const char* what);

}  // namespace runtime::inline v1::io
