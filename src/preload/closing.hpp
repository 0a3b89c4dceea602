#pragma once

#include <runtime/companion.h>

#include "preload/visit.hpp"

namespace runtime::preload {

/// Somebody may wait on descriptors that this code closes: not in a signal handler, where no lock can be taken; not
/// when libruntime itself is at it.
inline bool may_have_waiters(const void* caller) noexcept {
  return process.has_met_fibers.load(std::memory_order_relaxed) && handlers_running == 0 && !is_made_by_runtime(caller);
}

/// Runs close(), which closes `fd`, told before and after to who waits on it.
template <class Close>
auto close_told(int fd, Close close) noexcept -> decltype(close()) {
  runtime_companion_closing(fd);
  const auto result = close();
  runtime_companion_closed(fd);
  return result;
}

}  // namespace runtime::preload
