#include "preload/condition.hpp"

#include <cerrno>

#include "preload/mutex.hpp"
#include "preload/release.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// Condition variables. Fibers wait in our room and threads in the C library, so a signal goes to both: it wakes one of
// each when both wait, which a condition variable may do.

namespace runtime::preload {
namespace {

// glibc keeps a condition's attributes in the low bits of the count of its waiters.
constexpr unsigned kIsShared = 1;
constexpr unsigned kIsMonotonic = 2;

unsigned attributes_of(const pthread_cond_t& condition) noexcept {
  return __atomic_load_n(&condition.__data.__wrefs, __ATOMIC_RELAXED);
}

clockid_t clock_of(const pthread_cond_t& condition) noexcept {
  return (attributes_of(condition) & kIsMonotonic) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

int wait_with_limit(FiberWords& fiber, pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                    const timespec& time, const void* caller) noexcept {
  if (!is_time(time) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) return EINVAL;
  return wait_for_condition(fiber, condition, mutex, TimeLimit::at(clock, time), caller);
}

}  // namespace

int wait_for_condition(FiberWords& fiber, pthread_cond_t* condition, pthread_mutex_t* mutex, TimeLimit limit,
                       const void* caller) noexcept {
  int end = 0;
  {
    // What another process does with a shared condition is not told here: the pause's end is a wake without cause.
    const bool is_shared = (attributes_of(*condition) & kIsShared) != 0;
    Waiter waiter(condition, is_shared ? Waiter::Pauses::growing : Waiter::Pauses::none);
    if (const int error = unlock_mutex(&fiber, mutex); error != 0) return error;
    do {
      end = waiter.park(limit);
    } while (end == 0 && !is_shared && !waiter.is_woken());
    // A signal that came with the limit's end is used: the caller looks at his condition in any case.
    if (waiter.is_woken()) end = 0;
    waiter.use_wake();
  }
  TimeLimit none = TimeLimit::none();
  const int error = lock_mutex(fiber, mutex, none, caller);
  return error != 0 ? error : end;
}

}  // namespace runtime::preload

RUNTIME_PRELOAD(int, pthread_cond_wait, (pthread_cond_t* condition, pthread_mutex_t* mutex), (condition, mutex),
                wait_for_condition(FiberWords::of(*fiber), condition, mutex, TimeLimit::none(),
                                   __builtin_return_address(0)))

RUNTIME_PRELOAD(int, pthread_cond_timedwait, (pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* time),
                (condition, mutex, time),
                wait_with_limit(FiberWords::of(*fiber), condition, mutex, clock_of(*condition), *time,
                                __builtin_return_address(0)))

RUNTIME_PRELOAD(int, pthread_cond_clockwait,
                (pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* time),
                (condition, mutex, clock, time),
                wait_with_limit(FiberWords::of(*fiber), condition, mutex, clock, *time, __builtin_return_address(0)))

RUNTIME_PRELOAD_NEXT(int, pthread_cond_signal, (pthread_cond_t*))
RUNTIME_PRELOAD_EXPORT(int, pthread_cond_signal, (pthread_cond_t* condition)) {
  using namespace runtime::preload;
  return release(__builtin_return_address(0), call_pthread_cond_signal, [=] {
    const int error = next_pthread_cond_signal(condition);
    wake_one(condition);
    return error;
  });
}

RUNTIME_PRELOAD_NEXT(int, pthread_cond_broadcast, (pthread_cond_t*))
RUNTIME_PRELOAD_EXPORT(int, pthread_cond_broadcast, (pthread_cond_t* condition)) {
  using namespace runtime::preload;
  return release(__builtin_return_address(0), call_pthread_cond_broadcast, [=] {
    const int error = next_pthread_cond_broadcast(condition);
    wake_all(condition);
    return error;
  });
}
