#pragma once

#include <pthread.h>

#include "preload/fiber_words.hpp"
#include "preload/time_limit.hpp"

namespace runtime::preload {

/// Releases the mutex, parks until it is woken, and takes the mutex again: 0; ETIMEDOUT; EPERM when the mutex is not the
/// fiber's to release. Not cut short by cancellation. `caller` is where the call came from.
int wait_for_condition(FiberWords& fiber, pthread_cond_t* condition, pthread_mutex_t* mutex, TimeLimit limit,
                       const void* caller) noexcept;

}  // namespace runtime::preload
