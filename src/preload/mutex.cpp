#include "preload/mutex.hpp"

#include <cerrno>

#include "preload/held_mutexes.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// glibc knows threads only. Its mutexes say whether they are held, and by which thread; which fiber of it is ours to say.
// A fiber never waits in glibc: it tries, and parks.

RUNTIME_PRELOAD_NEXT(int, pthread_mutex_lock, (pthread_mutex_t*))
RUNTIME_PRELOAD_NEXT(int, pthread_mutex_trylock, (pthread_mutex_t*))
RUNTIME_PRELOAD_NEXT(int, pthread_mutex_unlock, (pthread_mutex_t*))

namespace runtime::preload {
namespace {

// PTHREAD_MUTEX_ADAPTIVE_NP is a normal mutex, too.
constexpr int kTypeBits = 3;

int type_of(const pthread_mutex_t& mutex) noexcept { return mutex.__data.__kind & kTypeBits; }

/// Recursive or errorcheck: the owner may lock it again, or must be told that he may not.
bool asks_for_owner(const pthread_mutex_t& mutex) noexcept {
  const int type = type_of(mutex);
  return type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK;
}

/// No other thread ever writes the id of this one.
bool is_held_by_thread(const pthread_mutex_t& mutex) noexcept {
  return __atomic_load_n(&mutex.__data.__owner, __ATOMIC_RELAXED) == thread_id();
}

/// The serial of the fiber that holds it, or 0. To be believed when this thread holds the mutex, or knows that nobody
/// else does.
std::uint64_t owner_of(const pthread_mutex_t& mutex) noexcept {
  return reinterpret_cast<std::uint64_t>(__atomic_load_n(&mutex.__data.__list.__prev, __ATOMIC_RELAXED));
}
void set_owner(pthread_mutex_t& mutex, std::uint64_t serial) noexcept {
  __atomic_store_n(&mutex.__data.__list.__prev, reinterpret_cast<decltype(mutex.__data.__list.__prev)>(serial),
                   __ATOMIC_RELAXED);
}

bool is_owner(FiberWords& fiber, const pthread_mutex_t& mutex) noexcept {
  return fiber.serial != 0 && owner_of(mutex) == fiber.serial;
}

/// 0: it is the fiber's now. EBUSY: somebody holds it.
int take(FiberWords& fiber, pthread_mutex_t* mutex) noexcept {
  // glibc would enter its recursive mutex again, for any fiber of the thread.
  if (asks_for_owner(*mutex) && is_held_by_thread(*mutex)) return EBUSY;
  const int error = next_pthread_mutex_trylock(mutex);
  if (__builtin_expect(error != 0, 0)) return error;
  const std::uint64_t serial = serial_of(fiber);
  set_owner(*mutex, serial);
  add_held(mutex, serial);
  return 0;
}

/// Another thread often holds a mutex for less time than it takes to park.
int take_spinning(FiberWords& fiber, pthread_mutex_t* mutex) noexcept {
  constexpr int kTries = 30;
  int error = EBUSY;
  for (int i = 0; i < kTries && error == EBUSY && !is_held_by_thread(*mutex); ++i) {
    __builtin_ia32_pause();
    error = take(fiber, mutex);
  }
  return error;
}

}  // namespace

int lock_mutex(FiberWords& fiber, pthread_mutex_t* mutex, TimeLimit& limit, const void* caller) noexcept {
  if (is_of_library(*mutex)) return next_pthread_mutex_lock(mutex);
  if (asks_for_owner(*mutex) && is_held_by_thread(*mutex) && is_owner(fiber, *mutex)) {
    return type_of(*mutex) == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK : next_pthread_mutex_trylock(mutex);
  }
  const bool allocates = waiting_fibers.load(std::memory_order_relaxed) != 0 && process.allocator.has(caller);
  if (!allocates) give_way(mutex);
  int error = take(fiber, mutex);
  if (__builtin_expect(error != EBUSY, 1)) return error;
  // malloc in the middle of something is no place for a sibling to go on from: it would find malloc's state of the thread
  // half done. No fiber parks while it holds one of these locks, so the wait is a short one.
  if (process.allocator.has(caller)) {
    error = next_pthread_mutex_lock(mutex);
    if (error == 0) {
      set_owner(*mutex, serial_of(fiber));
      add_held(mutex, fiber.serial);
    }
    return error;
  }
  error = take_spinning(fiber, mutex);
  if (error != EBUSY) return error;
  return wait_until(mutex, limit, [&] { return take(fiber, mutex); });
}

int trylock_mutex(FiberWords& fiber, pthread_mutex_t* mutex) noexcept {
  if (is_of_library(*mutex)) return next_pthread_mutex_trylock(mutex);
  if (type_of(*mutex) == PTHREAD_MUTEX_RECURSIVE && is_held_by_thread(*mutex) && is_owner(fiber, *mutex)) {
    return next_pthread_mutex_trylock(mutex);
  }
  return take(fiber, mutex);
}

int unlock_mutex(FiberWords* fiber, pthread_mutex_t* mutex) noexcept {
  if (is_of_library(*mutex)) return next_pthread_mutex_unlock(mutex);
  if (const std::uint64_t owner = owner_of(*mutex); owner != 0) {
    if (asks_for_owner(*mutex)) {
      if (!is_held_by_thread(*mutex)) return next_pthread_mutex_unlock(mutex);  // EPERM
      if (fiber != nullptr && owner != fiber->serial) return EPERM;
      if (mutex->__data.__count > 1) return next_pthread_mutex_unlock(mutex);  // only a recursive one counts
    }
    set_owner(*mutex, 0);
    remove_held(mutex);
  }
  const int error = next_pthread_mutex_unlock(mutex);
  wake_one(mutex);
  return error;
}

namespace {

int lock_with_limit(FiberWords& fiber, pthread_mutex_t* mutex, clockid_t clock, const timespec* time,
                    const void* caller) noexcept {
  // As the C library: a mutex that is free is locked whatever the time is.
  const int error = trylock_mutex(fiber, mutex);
  if (error != EBUSY) return error;
  if (!is_time(*time)) return EINVAL;
  TimeLimit limit = TimeLimit::at(clock, *time);
  return lock_mutex(fiber, mutex, limit, caller);
}

int lock_without_limit(FiberWords& fiber, pthread_mutex_t* mutex, const void* caller) noexcept {
  TimeLimit limit = TimeLimit::none();
  return lock_mutex(fiber, mutex, limit, caller);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, pthread_mutex_lock, (pthread_mutex_t* mutex)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const void* caller = __builtin_return_address(0);
    const Visit visit(*fiber, caller, call_pthread_mutex_lock);
    if (visit.is_ours()) return lock_without_limit(FiberWords::of(*fiber), mutex, caller);
    return next_pthread_mutex_lock(mutex);
  }
  return next_pthread_mutex_lock(mutex);
}
RUNTIME_PRELOAD_ALIAS(int, __pthread_mutex_lock, pthread_mutex_lock, (pthread_mutex_t*))

RUNTIME_PRELOAD_EXPORT(int, pthread_mutex_trylock, (pthread_mutex_t* mutex)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, __builtin_return_address(0), call_pthread_mutex_trylock);
    if (visit.is_ours()) return trylock_mutex(FiberWords::of(*fiber), mutex);
    return next_pthread_mutex_trylock(mutex);
  }
  return next_pthread_mutex_trylock(mutex);
}
RUNTIME_PRELOAD_ALIAS(int, __pthread_mutex_trylock, pthread_mutex_trylock, (pthread_mutex_t*))

RUNTIME_PRELOAD_EXPORT(int, pthread_mutex_unlock, (pthread_mutex_t* mutex)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, __builtin_return_address(0), call_pthread_mutex_unlock);
    return unlock_mutex(visit.is_ours() ? &FiberWords::of(*fiber) : nullptr, mutex);
  }
  return unlock_mutex(nullptr, mutex);
}
RUNTIME_PRELOAD_ALIAS(int, __pthread_mutex_unlock, pthread_mutex_unlock, (pthread_mutex_t*))

RUNTIME_PRELOAD_NEXT(int, pthread_mutex_timedlock, (pthread_mutex_t*, const timespec*))
RUNTIME_PRELOAD_EXPORT(int, pthread_mutex_timedlock, (pthread_mutex_t* mutex, const timespec* time)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr && !is_of_library(*mutex)) {
    const void* caller = __builtin_return_address(0);
    const Visit visit(*fiber, caller, call_pthread_mutex_timedlock);
    if (visit.is_ours()) return lock_with_limit(FiberWords::of(*fiber), mutex, CLOCK_REALTIME, time, caller);
    return next_pthread_mutex_timedlock(mutex, time);
  }
  return next_pthread_mutex_timedlock(mutex, time);
}

RUNTIME_PRELOAD_NEXT(int, pthread_mutex_clocklock, (pthread_mutex_t*, clockid_t, const timespec*))
RUNTIME_PRELOAD_EXPORT(int, pthread_mutex_clocklock, (pthread_mutex_t* mutex, clockid_t clock, const timespec* time)) {
  using namespace runtime::preload;
  const bool is_clock = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr && is_clock && !is_of_library(*mutex)) {
    const void* caller = __builtin_return_address(0);
    const Visit visit(*fiber, caller, call_pthread_mutex_clocklock);
    if (visit.is_ours()) return lock_with_limit(FiberWords::of(*fiber), mutex, clock, time, caller);
    return next_pthread_mutex_clocklock(mutex, clock, time);
  }
  return next_pthread_mutex_clocklock(mutex, clock, time);
}
