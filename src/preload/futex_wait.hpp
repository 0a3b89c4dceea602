#pragma once

#include <cstdint>

struct timespec;

namespace runtime::preload {

/// A futex wait of a fiber: FUTEX_WAIT and FUTEX_WAIT_BITSET, private or not. 0 or a negative error number, as the kernel.
///
/// Nobody tells us of a wake, so the word is looked at with growing pauses; a wait without a limit that has lasted longer
/// than the longest of them ends as a spurious wake, which every user of futexes expects. `operation`, `limit`: as of futex(2).
long wait_on_futex(const std::uint32_t* word, int operation, std::uint32_t expected, const timespec* limit) noexcept;

}  // namespace runtime::preload
