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

/// While it lives, the loop runs above the root. The companion is told of both ends or of none.
class Looping final {
 public:
  explicit Looping(Fiber& root) noexcept
      : companion_(RUNTIME_UNLIKELY(are_switches_watched()) ? installed_companion() : nullptr), root_(root) {
    if (RUNTIME_UNLIKELY(companion_ != nullptr)) companion_->looping(&root_.companion, 1);
  }
  Looping(const Looping&) = delete;
  Looping& operator=(const Looping&) = delete;
  ~Looping() {
    if (RUNTIME_UNLIKELY(companion_ != nullptr)) companion_->looping(&root_.companion, 0);
  }

 private:
  const runtime_companion* companion_;
  Fiber& root_;
};

}  // namespace runtime::inline v1::fiber
