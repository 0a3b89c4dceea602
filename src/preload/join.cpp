#include <pthread.h>
#include <threads.h>

#include <cerrno>

#include "preload/time_limit.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// Joining threads. A thread's end tells nobody but the kernel, and the thread id that the kernel wakes is glibc's own, so
// the fiber looks, ever less often. A pool thread that blocks in the join would tell sooner, by some milliseconds; but it
// would be one for each join, as long as the joined thread lives (often until the process ends), could not be had once the
// pool has been shut down, and the pool would be waited for at shutdown.

RUNTIME_PRELOAD_NEXT(int, pthread_tryjoin_np, (pthread_t, void**))

namespace runtime::preload {
namespace {

int join(pthread_t thread, void** result, TimeLimit limit) noexcept {
  // It would say EBUSY for ever.
  if (::pthread_equal(thread, ::pthread_self()) != 0) return EDEADLK;
  const int error = next_pthread_tryjoin_np(thread, result);
  if (error != EBUSY) return error;
  return wait_until(reinterpret_cast<const void*>(thread), limit,
                    [=] { return next_pthread_tryjoin_np(thread, result); });
}

int join(pthread_t thread, void** result, clockid_t clock, const timespec* time) noexcept {
  if (time == nullptr) return join(thread, result, TimeLimit::none());
  if (!is_time(*time) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) return EINVAL;
  return join(thread, result, TimeLimit::at(clock, *time));
}

int join_c11(thrd_t thread, int* result) noexcept {
  void* value = nullptr;
  if (join(thread, &value, TimeLimit::none()) != 0) return thrd_error;
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<std::intptr_t>(value));
  return thrd_success;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, pthread_join, (pthread_t thread, void** result), (thread, result),
                join(thread, result, TimeLimit::none()))
RUNTIME_PRELOAD(int, pthread_timedjoin_np, (pthread_t thread, void** result, const timespec* time),
                (thread, result, time), join(thread, result, CLOCK_REALTIME, time))
RUNTIME_PRELOAD(int, pthread_clockjoin_np, (pthread_t thread, void** result, clockid_t clock, const timespec* time),
                (thread, result, clock, time), join(thread, result, clock, time))
RUNTIME_PRELOAD(int, thrd_join, (thrd_t thread, int* result), (thread, result), join_c11(thread, result))
