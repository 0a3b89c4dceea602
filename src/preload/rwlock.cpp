#include <pthread.h>

#include <cerrno>

#include "preload/held_mutexes.hpp"
#include "preload/release.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// Read-write locks. glibc counts readers, and keeps the thread that writes; the fiber of it that writes is ours to keep, in
// a word of the public layout that glibc uses for nothing and every initialiser zeroes. Fibers try, and park.

RUNTIME_PRELOAD_NEXT(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t*))
RUNTIME_PRELOAD_NEXT(int, pthread_rwlock_trywrlock, (pthread_rwlock_t*))

namespace runtime::preload {
namespace {

unsigned long& writer_of(pthread_rwlock_t& lock) noexcept { return lock.__data.__pad2; }

bool is_written_by_thread(const pthread_rwlock_t& lock) noexcept {
  return __atomic_load_n(&lock.__data.__cur_writer, __ATOMIC_RELAXED) == thread_id();
}

/// The fiber would wait for itself.
bool is_writer(FiberWords& fiber, pthread_rwlock_t& lock) noexcept {
  return is_written_by_thread(lock) && fiber.serial != 0 &&
         __atomic_load_n(&writer_of(lock), __ATOMIC_RELAXED) == fiber.serial;
}

int take_reading(FiberWords&, pthread_rwlock_t* lock) noexcept { return next_pthread_rwlock_tryrdlock(lock); }

int take_writing(FiberWords& fiber, pthread_rwlock_t* lock) noexcept {
  const int error = next_pthread_rwlock_trywrlock(lock);
  if (error == 0) __atomic_store_n(&writer_of(*lock), serial_of(fiber), __ATOMIC_RELAXED);
  return error;
}

using Take = int (*)(FiberWords&, pthread_rwlock_t*) noexcept;

int lock_until(FiberWords& fiber, pthread_rwlock_t* lock, Take take, TimeLimit limit) noexcept {
  if (is_writer(fiber, *lock)) return EDEADLK;
  return wait_until(lock, limit, [&] { return take(fiber, lock); });
}

int lock_rwlock(runtime_companion_words& words, pthread_rwlock_t* lock, Take take) noexcept {
  FiberWords& fiber = FiberWords::of(words);
  give_way(lock);
  const int error = take(fiber, lock);
  return error == EBUSY ? lock_until(fiber, lock, take, TimeLimit::none()) : error;
}

int lock_rwlock(runtime_companion_words& words, pthread_rwlock_t* lock, Take take, clockid_t clock,
                const timespec& time) noexcept {
  if (!is_time(time) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) return EINVAL;
  FiberWords& fiber = FiberWords::of(words);
  give_way(lock);
  const int error = take(fiber, lock);
  return error == EBUSY ? lock_until(fiber, lock, take, TimeLimit::at(clock, time)) : error;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, pthread_rwlock_rdlock, (pthread_rwlock_t* lock), (lock), lock_rwlock(*fiber, lock, &take_reading))
RUNTIME_PRELOAD_ALIAS(int, __pthread_rwlock_rdlock, pthread_rwlock_rdlock, (pthread_rwlock_t*))
RUNTIME_PRELOAD(int, pthread_rwlock_wrlock, (pthread_rwlock_t* lock), (lock), lock_rwlock(*fiber, lock, &take_writing))
RUNTIME_PRELOAD_ALIAS(int, __pthread_rwlock_wrlock, pthread_rwlock_wrlock, (pthread_rwlock_t*))

RUNTIME_PRELOAD_EXPORT(int, pthread_rwlock_trywrlock, (pthread_rwlock_t* lock)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, __builtin_return_address(0), call_pthread_rwlock_trywrlock);
    if (visit.is_ours()) return take_writing(FiberWords::of(*fiber), lock);
  }
  return next_pthread_rwlock_trywrlock(lock);
}
RUNTIME_PRELOAD_ALIAS(int, __pthread_rwlock_trywrlock, pthread_rwlock_trywrlock, (pthread_rwlock_t*))

RUNTIME_PRELOAD(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t* lock, const timespec* time), (lock, time),
                lock_rwlock(*fiber, lock, &take_reading, CLOCK_REALTIME, *time))
RUNTIME_PRELOAD(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t* lock, const timespec* time), (lock, time),
                lock_rwlock(*fiber, lock, &take_writing, CLOCK_REALTIME, *time))
RUNTIME_PRELOAD(int, pthread_rwlock_clockrdlock, (pthread_rwlock_t* lock, clockid_t clock, const timespec* time),
                (lock, clock, time), lock_rwlock(*fiber, lock, &take_reading, clock, *time))
RUNTIME_PRELOAD(int, pthread_rwlock_clockwrlock, (pthread_rwlock_t* lock, clockid_t clock, const timespec* time),
                (lock, clock, time), lock_rwlock(*fiber, lock, &take_writing, clock, *time))

RUNTIME_PRELOAD_NEXT(int, pthread_rwlock_unlock, (pthread_rwlock_t*))
RUNTIME_PRELOAD_EXPORT(int, pthread_rwlock_unlock, (pthread_rwlock_t* lock)) {
  using namespace runtime::preload;
  return release(__builtin_return_address(0), call_pthread_rwlock_unlock, [=] {
    // Nobody else writes while it is held for writing, and none is noted while it is held for reading.
    if (__atomic_load_n(&writer_of(*lock), __ATOMIC_RELAXED) != 0) __atomic_store_n(&writer_of(*lock), 0, __ATOMIC_RELAXED);
    const int error = next_pthread_rwlock_unlock(lock);
    wake_all(lock);
    return error;
  });
}
RUNTIME_PRELOAD_ALIAS(int, __pthread_rwlock_unlock, pthread_rwlock_unlock, (pthread_rwlock_t*))
