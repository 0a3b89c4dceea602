#include <semaphore.h>

#include <cerrno>

#include "preload/release.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// Semaphores, named ones included: whoever posts from another process, or in a signal handler, is noticed by looking.
// Cancellation ends these waits as a signal ends a thread's: callers have to expect that.

RUNTIME_PRELOAD_NEXT(int, sem_trywait, (sem_t*))

namespace runtime::preload {
namespace {

int fail(int error) noexcept {
  errno = error;
  return -1;
}

/// 0; EBUSY when it is zero; another error.
int take(sem_t* semaphore) noexcept {
  const int errno_before = errno;
  if (next_sem_trywait(semaphore) == 0) return 0;
  const int error = errno == EAGAIN ? EBUSY : errno;
  errno = errno_before;
  return error;
}

int wait_with(sem_t* semaphore, TimeLimit limit) noexcept {
  const int error = wait_until(semaphore, limit, [=] { return take(semaphore); }, Waiter::Cut::by_cancellation);
  return error == 0 ? 0 : fail(error);
}

int wait(sem_t* semaphore) noexcept {
  give_way(semaphore);
  const int error = take(semaphore);
  if (error == 0) return 0;
  return error == EBUSY ? wait_with(semaphore, TimeLimit::none()) : fail(error);
}

int wait_with_limit(sem_t* semaphore, clockid_t clock, const timespec& time) noexcept {
  if (!is_time(time) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) return fail(EINVAL);
  give_way(semaphore);
  const int error = take(semaphore);
  if (error == 0) return 0;
  return error == EBUSY ? wait_with(semaphore, TimeLimit::at(clock, time)) : fail(error);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, sem_wait, (sem_t* semaphore), (semaphore), wait(semaphore))
RUNTIME_PRELOAD(int, sem_timedwait, (sem_t* semaphore, const timespec* time), (semaphore, time),
                wait_with_limit(semaphore, CLOCK_REALTIME, *time))
RUNTIME_PRELOAD(int, sem_clockwait, (sem_t* semaphore, clockid_t clock, const timespec* time), (semaphore, clock, time),
                wait_with_limit(semaphore, clock, *time))

RUNTIME_PRELOAD_NEXT(int, sem_post, (sem_t*))
RUNTIME_PRELOAD_EXPORT(int, sem_post, (sem_t* semaphore)) {
  using namespace runtime::preload;
  return release(__builtin_return_address(0), call_sem_post, [=] {
    const int error = next_sem_post(semaphore);
    wake_one(semaphore);
    return error;
  });
}
