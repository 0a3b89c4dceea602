#pragma once

#include <pthread.h>

#include "preload/fiber_words.hpp"
#include "preload/time_limit.hpp"

// pthread mutexes as fibers lock them, for the files of all that is built on them. On a fiber, in a call that is ours.

namespace runtime::preload {

/// Kinds that are the C library's alone: robust, priority-inheriting and -protecting, shared between processes. They use
/// the fields that are the owner's in others, or have waiters that know nothing of fibers. A fiber blocks its thread in
/// them.
inline bool is_of_library(const pthread_mutex_t& mutex) noexcept {
  constexpr int kOurs = 0x3 | 0x100 | 0x200;  // the four types, and whether to elide the lock
  return (mutex.__data.__kind & ~kOurs) != 0;
}

/// Parks until the mutex is the fiber's: 0, or the error of pthread_mutex_timedlock(). `caller` is where the call came
/// from. Not cut short by cancellation. A mutex of the library's own kinds is locked there, without limit.
int lock_mutex(FiberWords& fiber, pthread_mutex_t* mutex, TimeLimit& limit, const void* caller) noexcept;

int trylock_mutex(FiberWords& fiber, pthread_mutex_t* mutex) noexcept;

/// Unlocks, and wakes one fiber. `fiber` is null where no fiber runs, or where the call is not ours: then nobody is
/// refused as not being the owner who is none for the C library.
int unlock_mutex(FiberWords* fiber, pthread_mutex_t* mutex) noexcept;

}  // namespace runtime::preload
