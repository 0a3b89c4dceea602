#pragma once

#include <atomic>

#include "preload/fiber_words.hpp"

namespace runtime::preload {

/// libcrypto has made keys, and nobody has asked yet which of them holds its error queue.
extern constinit std::atomic<bool> has_suspects;

/// Asks, on the fiber that is about to make a call that may park.
void find_error_queue(FiberWords& fiber) noexcept;

}  // namespace runtime::preload
