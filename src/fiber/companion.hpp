#pragma once

#include <atomic>

#include <runtime/companion.h>

#include "base/compiler.hpp"
#include "fiber/fiber.hpp"

namespace runtime::inline v1::fiber {

/// The process's companion (runtime/companion.h), and whether it wants to be told of switches.
struct Companion {
  std::atomic<const runtime_companion*> installed = nullptr;
  std::atomic<bool> watches_switches = false;
};

extern constinit Companion companion;

/// Null when there is none. Acquire: with the store in runtime_companion_set().
inline const runtime_companion* installed_companion() noexcept {
  return companion.installed.load(std::memory_order_acquire);
}
inline bool are_switches_watched() noexcept { return companion.watches_switches.load(std::memory_order_relaxed); }

inline void tell_root(Fiber& root, runtime_root_event event) noexcept {
  if (RUNTIME_LIKELY(!are_switches_watched())) return;
  if (const runtime_companion* companion = installed_companion()) companion->root_event(&root.companion, event);
}

/// While it lives, the loop runs above the root.
class Looping final {
 public:
  explicit Looping(Fiber& root) noexcept : root_(root) { tell_root(root_, RUNTIME_ROOT_STOPS); }
  Looping(const Looping&) = delete;
  Looping& operator=(const Looping&) = delete;
  ~Looping() { tell_root(root_, RUNTIME_ROOT_GOES_ON); }

 private:
  Fiber& root_;
};

}  // namespace runtime::inline v1::fiber
