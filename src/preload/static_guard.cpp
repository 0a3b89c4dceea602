#include <cxxabi.h>

#include <cerrno>
#include <cstdint>

#include "preload/asked_once.hpp"
#include "preload/release.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// Function-local statics. A second fiber of the thread that came while the first one's initialiser is parked would make
// libstdc++ block the thread, for ever.
//
// The guard is a 64-bit word whose first byte says that the object is there (Itanium C++ ABI, 2.8). libstdc++ uses the
// second byte for "is being made" and the third for "and threads wait in the kernel". There is no way to ask it without
// waiting, so a fiber takes the guard itself, and parks while another has it. Letting go is libstdc++'s: it wakes threads.

RUNTIME_PRELOAD_NEXT(int, __cxa_guard_acquire, (std::int64_t*))
RUNTIME_PRELOAD_NEXT(void, __cxa_guard_release, (std::int64_t*))
RUNTIME_PRELOAD_NEXT(void, __cxa_guard_abort, (std::int64_t*))

namespace runtime::preload {
namespace {

using Word = std::int32_t;

constexpr Word kMade = 1;
constexpr Word kBeingMade = 0x100;

Word* word_of(std::int64_t* guard) noexcept { return reinterpret_cast<Word*>(guard); }

/// The functions behind us are libstdc++'s, of the form that waits in the kernel.
bool has_known_words() noexcept {
  std::int64_t probe = 0;
  if (next___cxa_guard_acquire(&probe) != 1) return false;
  const std::int64_t taken = probe;
  next___cxa_guard_abort(&probe);
  const std::int64_t aborted = probe;
  if (next___cxa_guard_acquire(&probe) != 1) return false;
  next___cxa_guard_release(&probe);
  return taken == kBeingMade && aborted == 0 && probe == kMade;
}

/// 1: the caller makes the object. 0: it is there.
int acquire_parking(std::int64_t* guard) noexcept {
  if (!asked_once<&has_known_words>()) return next___cxa_guard_acquire(guard);
  const auto try_to_take = [=] {
    Word word = 0;
    if (__atomic_compare_exchange_n(word_of(guard), &word, kBeingMade, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return 0;
    return (word & kMade) != 0 ? EALREADY : EBUSY;
  };
  int error = try_to_take();
  if (error == EBUSY) {
    TimeLimit none = TimeLimit::none();
    error = wait_until(guard, none, try_to_take);
  }
  return error == 0 ? 1 : 0;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, __cxa_guard_acquire, (std::int64_t* guard)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, __builtin_return_address(0), call___cxa_guard_acquire);
    if (visit.is_ours()) return acquire_parking(guard);
  }
  return next___cxa_guard_acquire(guard);
}

RUNTIME_PRELOAD_EXPORT(void, __cxa_guard_release, (std::int64_t* guard)) {
  using namespace runtime::preload;
  release(__builtin_return_address(0), call___cxa_guard_release, [=] {
    next___cxa_guard_release(guard);
    wake_all(guard);
  });
}

RUNTIME_PRELOAD_EXPORT(void, __cxa_guard_abort, (std::int64_t* guard)) {
  using namespace runtime::preload;
  release(__builtin_return_address(0), call___cxa_guard_abort, [=] {
    next___cxa_guard_abort(guard);
    wake_all(guard);
  });
}
