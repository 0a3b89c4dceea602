#include <threads.h>

#include <cerrno>

#include "preload/condition.hpp"
#include "preload/mutex.hpp"
#include "preload/release.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// The C11 names of mutexes and conditions. In glibc mtx_t and cnd_t are the pthread objects.

namespace runtime::preload {
namespace {

pthread_mutex_t* pthread_of(mtx_t* mutex) noexcept { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* pthread_of(cnd_t* condition) noexcept { return reinterpret_cast<pthread_cond_t*>(condition); }

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(cnd_t) == sizeof(pthread_cond_t));

int c11_of(int error) noexcept {
  switch (error) {
    case 0: return thrd_success;
    case EBUSY: return thrd_busy;
    case ENOMEM: return thrd_nomem;
    case ETIMEDOUT: return thrd_timedout;
    default: return thrd_error;
  }
}

int lock_c11(runtime_companion_words& fiber, mtx_t* mutex, TimeLimit limit, const void* caller) noexcept {
  return c11_of(lock_mutex(FiberWords::of(fiber), pthread_of(mutex), limit, caller));
}

int timedlock_c11(runtime_companion_words& fiber, mtx_t* mutex, const timespec& time, const void* caller) noexcept {
  const int error = trylock_mutex(FiberWords::of(fiber), pthread_of(mutex));
  if (error != EBUSY) return c11_of(error);
  return is_time(time) ? lock_c11(fiber, mutex, TimeLimit::at(CLOCK_REALTIME, time), caller) : c11_of(EINVAL);
}

int wait_c11(runtime_companion_words& fiber, cnd_t* condition, mtx_t* mutex, TimeLimit limit,
             const void* caller) noexcept {
  return c11_of(wait_for_condition(FiberWords::of(fiber), pthread_of(condition), pthread_of(mutex), limit, caller));
}

int timedwait_c11(runtime_companion_words& fiber, cnd_t* condition, mtx_t* mutex, const timespec& time,
                  const void* caller) noexcept {
  if (!is_time(time)) return thrd_error;
  return wait_c11(fiber, condition, mutex, TimeLimit::at(CLOCK_REALTIME, time), caller);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, mtx_lock, (mtx_t* mutex), (mutex),
                lock_c11(*fiber, mutex, TimeLimit::none(), __builtin_return_address(0)))
RUNTIME_PRELOAD(int, mtx_trylock, (mtx_t* mutex), (mutex),
                c11_of(trylock_mutex(FiberWords::of(*fiber), pthread_of(mutex))))
RUNTIME_PRELOAD(int, mtx_timedlock, (mtx_t* mutex, const timespec* time), (mutex, time),
                timedlock_c11(*fiber, mutex, *time, __builtin_return_address(0)))

// The C library's function does what its pthread_mutex_unlock() does, and so does ours.
RUNTIME_PRELOAD_NEXT(int, mtx_unlock, (mtx_t*))
RUNTIME_PRELOAD_EXPORT(int, mtx_unlock, (mtx_t* mutex)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, __builtin_return_address(0), call_mtx_unlock);
    return c11_of(unlock_mutex(visit.is_ours() ? &FiberWords::of(*fiber) : nullptr, pthread_of(mutex)));
  }
  return c11_of(unlock_mutex(nullptr, pthread_of(mutex)));
}

RUNTIME_PRELOAD(int, cnd_wait, (cnd_t* condition, mtx_t* mutex), (condition, mutex),
                wait_c11(*fiber, condition, mutex, TimeLimit::none(), __builtin_return_address(0)))
RUNTIME_PRELOAD(int, cnd_timedwait, (cnd_t* condition, mtx_t* mutex, const timespec* time), (condition, mutex, time),
                timedwait_c11(*fiber, condition, mutex, *time, __builtin_return_address(0)))

RUNTIME_PRELOAD_NEXT(int, cnd_signal, (cnd_t*))
RUNTIME_PRELOAD_EXPORT(int, cnd_signal, (cnd_t* condition)) {
  using namespace runtime::preload;
  return release(__builtin_return_address(0), call_cnd_signal, [=] {
    const int result = next_cnd_signal(condition);
    wake_one(condition);
    return result;
  });
}

RUNTIME_PRELOAD_NEXT(int, cnd_broadcast, (cnd_t*))
RUNTIME_PRELOAD_EXPORT(int, cnd_broadcast, (cnd_t* condition)) {
  using namespace runtime::preload;
  return release(__builtin_return_address(0), call_cnd_broadcast, [=] {
    const int result = next_cnd_broadcast(condition);
    wake_all(condition);
    return result;
  });
}
