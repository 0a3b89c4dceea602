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
  const Selector selector_before = exchange_selector(Selector::allow);
  ++from.switches;
  if (from_words != looping_root) note_stop_with_held(from);
  switch_kept(from, to);
  if (process.is_complete) switch_selector(from, selector_before, to);
}

void root_event(runtime_companion_words* root, int event) {
  FiberWords& fiber = FiberWords::of(*root);
  looping_root = event == RUNTIME_ROOT_STOPS ? root : nullptr;
  if (event == RUNTIME_ROOT_STOPS) {
    ++fiber.switches;
    note_stop_with_held(fiber);
  }
  if (process.is_complete) tell_root_to_selector(fiber, event);
  if (event == RUNTIME_ROOT_BEGINS) begin_threads_own();
  if (event == RUNTIME_ROOT_ENDS) end_threads_own();
}

std::size_t describe(const runtime_companion_words* fiber, char* text, std::size_t size) {
  return describe_held(FiberWords::of(*fiber), text, size);
}

constexpr runtime_companion kCompanion{sizeof(runtime_companion), &switched, &root_event, &describe};

}  // namespace

void begin_companionship() noexcept {
  if (runtime_companion_set(&kCompanion) == 0) return;
  constexpr std::string_view kText =
      "libruntime_preload: libruntime has another companion already, or is of another version: calls are counted for no "
      "report, and libraries share their state between fibers\n";
  static_cast<void>(!::write(STDERR_FILENO, kText.data(), kText.size()));
}

}  // namespace runtime::preload
