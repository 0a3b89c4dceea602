#pragma once

#include <algorithm>
#include <cstddef>

namespace runtime::inline v1::io {

/// What read(2) and write(2) are told: never more than they move at once (MAX_RW_COUNT: INT_MAX, down to a whole page).
///
/// They cut a larger number down to it, too, but look first whether there are so many addresses behind the buffer, and
/// say EFAULT when there cannot be. recv(2) and send(2) cut first.
/// See: read(2), NOTES; the kernel's fs/read_write.c, vfs_read().
inline std::size_t at_once(std::size_t size) noexcept {
  constexpr std::size_t kMost = 0x7ffff000;
  return std::min(size, kMost);
}

}  // namespace runtime::inline v1::io
