#pragma once

#include <cstddef>
#include <cstdint>

#include "fiber/fiber.hpp"

namespace runtime::inline v1::fiber {

/// Return addresses, the innermost first.
struct Frames {
  static constexpr std::size_t kMost = 64;

  std::uintptr_t addresses[kMost];
  std::size_t count = 0;
  bool is_cut = false;  // there are more
};

/// The call stack of a fiber that is stopped, read from outside: nothing runs on its stack and nothing is written there,
/// so neither its depth nor what it has used changes, and one that stopped close to its end is safe.
///
/// Empty on processors and with versions of Boost.Context whose saved context is not known here.
/// Thread safety: the thread that switches the fiber.
Frames walk(const Fiber& stopped) noexcept;

/// The call stack of the caller.
Frames walk_here() noexcept;

}  // namespace runtime::inline v1::fiber
