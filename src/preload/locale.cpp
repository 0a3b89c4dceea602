#include <locale.h>

#include <array>

#include "preload/kept.hpp"
#include "preload/visit.hpp"

// uselocale() of a fiber is the fiber's own. The C library keeps it for the thread, so it is put in place at switches, from
// the moment some fiber has chosen one.

RUNTIME_PRELOAD_NEXT(locale_t, uselocale, (locale_t))

namespace runtime::preload {
namespace {

/// The locale of this thread where no fiber has chosen one: fibers begin with it.
constinit thread_local locale_t threads_own [[gnu::tls_model("initial-exec")]] = nullptr;
/// The same of the runtimes around this one.
constinit thread_local std::array<locale_t, kDeepest> outer_ones [[gnu::tls_model("initial-exec")]] = {};

locale_t use_on_fiber(FiberWords& fiber, locale_t chosen) noexcept {
  if (chosen == nullptr) return next_uselocale(nullptr);
  Kept* kept = kept_of(fiber);
  const locale_t before = next_uselocale(chosen);
  if (before == nullptr || kept == nullptr) return before;  // not a locale; or no memory: the thread's, then
  if (threads_own == nullptr) threads_own = before;
  kept->locale = chosen;
  runtime_companion_watch_switches();
  return before;
}

}  // namespace

void begin_threads_locale(std::size_t depth) noexcept {
  outer_ones[depth] = threads_own;
  threads_own = nullptr;
}

void end_threads_locale(std::size_t depth) noexcept { threads_own = outer_ones[depth]; }

void switch_locale(Kept* from, Kept* to) noexcept {
  const locale_t chosen = to != nullptr && to->locale != nullptr ? to->locale : threads_own;
  const locale_t now = from != nullptr && from->locale != nullptr ? from->locale : threads_own;
  if (chosen != now && chosen != nullptr) next_uselocale(chosen);
}

void end_locale(Kept& kept) noexcept {
  if (kept.locale != nullptr && threads_own != nullptr && kept.locale != threads_own) next_uselocale(threads_own);
  kept.locale = nullptr;
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_TWIN(locale_t, uselocale, (locale_t chosen), (chosen), use_on_fiber(FiberWords::of(*fiber), chosen))
RUNTIME_PRELOAD_ALIAS(locale_t, __uselocale, uselocale, (locale_t))
