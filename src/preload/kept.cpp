#include "preload/kept.hpp"

#include <netdb.h>

#include <runtime/task_local.hpp>

#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

// Never destroyed: fibers may end while the process exits.
runtime::FiberLocal<Kept>& fibers_kept() noexcept {
  alignas(runtime::FiberLocal<Kept>) static std::byte memory[sizeof(runtime::FiberLocal<Kept>)];
  static auto* const kept = ::new (memory) runtime::FiberLocal<Kept>;
  return *kept;
}
[[gnu::constructor]] void make() noexcept { fibers_kept(); }  // statics are not guarded in this library

}  // namespace

Kept* kept_of(FiberWords& fiber) noexcept {
  if (fiber.kept != nullptr) return fiber.kept;
  try {
    Kept& kept = *fibers_kept();
    fiber.kept = &kept;
    return &kept;
  } catch (...) {
    return nullptr;  // no memory: what is asked for stays the thread's
  }
}

// On the fiber, when its task ends; or, for the root's, when block_on does.
Kept::~Kept() {
  end_values(*this);  // whose destructors may change the others
  end_locale(*this);
  end_mask(*this);
  if (runtime_companion_words* words = runtime_companion_here()) FiberWords::of(*words).kept = nullptr;
}

namespace {
constinit thread_local std::size_t depth [[gnu::tls_model("initial-exec")]] = 0;
}  // namespace

void begin_threads_own() noexcept {
  if (depth++ >= kDeepest) return;
  begin_threads_mask(depth - 1);
  begin_threads_locale(depth - 1);
}

// The end of a root whose beginning nobody told us of is none.
void end_threads_own() noexcept {
  if (depth == 0 || --depth >= kDeepest) return;
  end_threads_mask(depth);
  end_threads_locale(depth);
}

void switch_kept(const FiberWords& from, const FiberWords& to) noexcept {
  if (from.kept == nullptr && to.kept == nullptr) return;
  switch_mask(from.kept, to.kept);
  switch_locale(from.kept, to.kept);
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_NEXT(int*, __h_errno_location, ())

// The fiber's also for our own code, which leaves there what the originals would: only not in signal handlers.
RUNTIME_PRELOAD_EXPORT(int*, __h_errno_location, ()) {
  using namespace runtime::preload;
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1) || handlers_running != 0) return next___h_errno_location();
  Kept* kept = kept_of(FiberWords::of(*fiber));
  return kept != nullptr ? &kept->host_error : next___h_errno_location();
}
