#pragma once

/* Waiting for time: POSIX calls that park a fiber. The rules for all of them: <runtime/posix.h>. */

#include <sys/types.h>
#include <time.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* <time.h> hides it from strict C. */
struct timespec;

/* Waits for a time. A zero time gives way to other tasks.
 *
 * Cancellation: -1 with ECANCELED; the time that was left is stored in *left if left is not null.
 * See: nanosleep(3p) */
RUNTIME_API int runtime_nanosleep(const struct timespec* time, struct timespec* left);

/* Waits for a time, or with TIMER_ABSTIME until one, and returns 0 or an error number; errno is left alone.
 *
 * CLOCK_MONOTONIC, and relative times of CLOCK_REALTIME, are on the clock of the runtime. Until a moment of
 * CLOCK_REALTIME, and by CLOCK_BOOTTIME, the call waits by that clock, also when somebody sets it; in a runtime whose
 * clock was paused, as long as it is until then at the beginning. Other clocks: on the blocking pool.
 * Cancellation: ECANCELED, and for a relative time what was left, in *left if left is not null. On the pool it is only
 * seen before the wait begins.
 * See: clock_nanosleep(3p) */
RUNTIME_API int runtime_clock_nanosleep(clockid_t clock, int flags, const struct timespec* time,
                                        struct timespec* left);

/* Waits for whole seconds and returns 0.
 *
 * Cancellation: the seconds left, rounded up, hence never 0; errno is ECANCELED.
 * See: sleep(3p) */
RUNTIME_API unsigned int runtime_sleep(unsigned int seconds);

/* Waits for microseconds, a million and more included. useconds_t is unsigned int, hidden from strict C.
 *
 * Cancellation: -1 with ECANCELED.
 * See: usleep(3) */
RUNTIME_API int runtime_usleep(unsigned int microseconds);

#ifdef __cplusplus
}
#endif
