#pragma once

#include <cstdint>

#include <runtime/companion.h>

namespace runtime::preload {

struct Kept;

/// What this library writes into the words of a fiber. All zero: a fiber that has just started.
struct [[gnu::may_alias]] FiberWords {
  Kept* kept;                   // state that libraries keep per thread; owned (kept.hpp)
  std::uint64_t serial;         // of the fiber, as the owner of locks; given with its first (held_mutexes.hpp)
  std::uint16_t visits;         // calls of ours that it is in, one inside the other
  std::uint8_t passes_through;  // 1: nothing of it is ours any more (the child of a fork)
  std::uint8_t selector;        // complete mode, while it is stopped: see complete.cpp
  std::uint32_t switches;       // times it stopped, counted for a report
  std::uint8_t selector_outside;  // complete mode, of a root: what it was around block_on
  bool has_to_rearm;            // complete mode: its calls are not caught at the moment, and shall be after the next of ours

  static FiberWords& of(runtime_companion_words& words) noexcept { return reinterpret_cast<FiberWords&>(words); }
  static const FiberWords& of(const runtime_companion_words& words) noexcept {
    return reinterpret_cast<const FiberWords&>(words);
  }
};

static_assert(sizeof(FiberWords) <= sizeof(runtime_companion_words));

}  // namespace runtime::preload
