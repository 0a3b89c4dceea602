#include "preload/companion.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include <runtime/companion.h>

#include "preload/complete.hpp"
#include "preload/kept.hpp"
#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

void switched(runtime_companion_words* from_words, runtime_companion_words* to_words) {
  FiberWords& from = FiberWords::of(*from_words);
  FiberWords& to = FiberWords::of(*to_words);
  ++from.switches;
  switch_kept(from, to);
  if (process.is_complete) switch_selector(from, to);
}

void root_runs(runtime_companion_words* root, int runs) {
  FiberWords& fiber = FiberWords::of(*root);
  if (runs == 0) ++fiber.switches;
  if (process.is_complete) switch_root(fiber, runs != 0);
}

constexpr runtime_companion kCompanion{sizeof(runtime_companion), &switched, &root_runs, nullptr};

}  // namespace

void begin_companionship() noexcept {
  if (runtime_companion_set(&kCompanion) == 0) return;
  constexpr std::string_view kText =
      "libruntime_preload: libruntime has another companion already, or is of another version: calls are counted for no "
      "report, and libraries share their state between fibers\n";
  static_cast<void>(!::write(STDERR_FILENO, kText.data(), kText.size()));
}

}  // namespace runtime::preload
