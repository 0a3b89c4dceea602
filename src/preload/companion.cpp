#include "preload/companion.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include <runtime/companion.h>

#include "preload/held_mutexes.hpp"
#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

// The root whose loop runs: what is switched away from under its name is the loop then, not the root.
constinit thread_local const runtime_companion_words* looping_root [[gnu::tls_model("initial-exec")]] = nullptr;

void switched(runtime_companion_words* from, runtime_companion_words*) {
  FiberWords& fiber = FiberWords::of(*from);
  ++fiber.switches;
  if (from != looping_root) note_stop_with_held(fiber);
}

void looping(runtime_companion_words* root, int begins) {
  looping_root = begins != 0 ? root : nullptr;
  if (begins != 0) note_stop_with_held(FiberWords::of(*root));
}

std::size_t describe(const runtime_companion_words* fiber, char* text, std::size_t size) {
  return describe_held(FiberWords::of(*fiber), text, size);
}

constexpr runtime_companion kCompanion{sizeof(runtime_companion), &switched, &looping, &describe};

}  // namespace

void begin_companionship() noexcept {
  if (runtime_companion_set(&kCompanion) == 0) return;
  constexpr std::string_view kText =
      "libruntime_preload: libruntime has another companion already, or is of another version: calls are counted for no "
      "report, and libraries share their state between fibers\n";
  static_cast<void>(!::write(STDERR_FILENO, kText.data(), kText.size()));
}

}  // namespace runtime::preload
