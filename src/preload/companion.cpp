#include "preload/companion.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include <runtime/companion.h>

#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

void switched(runtime_companion_words* from, runtime_companion_words*) {
  ++FiberWords::of(*from).switches;
}

void looping(runtime_companion_words*, int) {}

constexpr runtime_companion kCompanion{sizeof(runtime_companion), &switched, &looping, nullptr};

}  // namespace

void begin_companionship() noexcept {
  if (runtime_companion_set(&kCompanion) == 0) return;
  constexpr std::string_view kText =
      "libruntime_preload: libruntime has another companion already, or is of another version: calls are counted for no "
      "report, and libraries share their state between fibers\n";
  static_cast<void>(!::write(STDERR_FILENO, kText.data(), kText.size()));
}

}  // namespace runtime::preload
