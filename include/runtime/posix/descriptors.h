#pragma once

/* What any descriptor can do: POSIX calls that park a fiber. The rules for all of them: <runtime/posix.h>. */

#include <sys/types.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* Fails every call of this library that waits on the descriptor with EBADF (runtime_poll reports POLLNVAL), then
 * closes it.
 *
 * Parks: only a socket with SO_LINGER, until the data is out or the time is over. Never EINTR, never ECANCELED: the
 * descriptor is closed when the call returns.
 * See: close(3p) */
RUNTIME_API int runtime_close(int fd);

/* A second number for a descriptor, the lowest that is free. Never waits. See: dup(3p) */
RUNTIME_API int runtime_dup(int fd);

/* Makes target a second number for fd. What target was before is closed as by runtime_close(): who waits on it gets
 * EBADF. When target is fd, or fd is no descriptor, nothing is closed.
 *
 * Parks: as runtime_close, for target.
 * See: dup2(3p) */
RUNTIME_API int runtime_dup2(int fd, int target);

/* As runtime_dup2, with O_CLOEXEC for the new number; EINVAL when target is fd. See: dup3(2) */
RUNTIME_API int runtime_dup3(int fd, int target, int flags);

/* Every command of fcntl(2), with its argument as there. F_GETFL never shows, and F_SETFL never loses to, the
 * O_NONBLOCK that another call of this library has set for the length of a system call.
 *
 * Parks: F_SETLKW and F_OFD_SETLKW, until the lock is there. The kernel tells of no such moment without holding a
 * thread, so it is tried again, at least every 8 ms; EDEADLK between processes is not found.
 * See: fcntl(3p), fcntl(2) */
RUNTIME_API int runtime_fcntl(int fd, int command, ...);

/* Locks or unlocks a whole file, between open file descriptions.
 *
 * Parks: until the lock is there; tried again as by runtime_fcntl. With LOCK_NB never.
 * See: flock(2) */
RUNTIME_API int runtime_flock(int fd, int operation);

#ifdef __cplusplus
}
#endif
