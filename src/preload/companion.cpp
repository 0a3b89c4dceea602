#include "preload/companion.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include <runtime/companion.h>

#include "preload/complete.hpp"
#include "preload/held_mutexes.hpp"
#include "preload/kept.hpp"
#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

// The root whose loop runs: what is switched away from under its name is the loop then, not the root.
constinit thread_local const runtime_companion_words* looping_root [[gnu::tls_model("initial-exec")]] = nullptr;

void switched(runtime_companion_words* from_words, runtime_companion_words* to_words) {
  FiberWords& from = FiberWords::of(*from_words);
  FiberWords& to = FiberWords::of(*to_words);
  ++from.switches;
  if (from_words != looping_root) note_stop_with_held(from);
  switch_kept(from, to);
  if (process.is_complete) switch_selector(from, to);
}

void root_runs(runtime_companion_words* root, int runs) {
  FiberWords& fiber = FiberWords::of(*root);
  looping_root = runs == 0 ? root : nullptr;
  if (runs == 0) {
    ++fiber.switches;
    note_stop_with_held(fiber);
  }
  if (process.is_complete) switch_root(fiber, runs != 0);
}

std::size_t describe(const runtime_companion_words* fiber, char* text, std::size_t size) {
  return describe_held(FiberWords::of(*fiber), text, size);
}

constexpr runtime_companion kCompanion{sizeof(runtime_companion), &switched, &root_runs, &describe};

}  // namespace

void begin_companionship() noexcept {
  if (runtime_companion_set(&kCompanion) == 0) return;
  constexpr std::string_view kText =
      "libruntime_preload: libruntime has another companion already, or is of another version: calls are counted for no "
      "report, and libraries share their state between fibers\n";
  static_cast<void>(!::write(STDERR_FILENO, kText.data(), kText.size()));
}

}  // namespace runtime::preload
