#pragma once

/* Waiting for one of several descriptors: POSIX calls that park a fiber. The rules for all of them:
 * <runtime/posix.h>.
 *
 * Signal masks, on a fiber: signals that the thread blocks and the mask does not are delivered when the call begins to
 * wait and while it waits; the handler runs, and the call goes on. While the fiber is parked the thread keeps its own
 * mask, as other tasks run then: signals that only the mask blocks are not held back. */

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/types.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;

/* Waits for one of several descriptors; timeout in milliseconds, negative: without limit.
 *
 * Any number of descriptors, none included (a timer); negative ones are ignored; regular files are ready.
 * Parks: until something is ready or the time is over.
 * See: poll(3p), poll(2) for POLLRDHUP */
RUNTIME_API int runtime_poll(struct pollfd* fds, nfds_t count, int timeout);

/* As runtime_poll, with a finer time (null: without limit) and a signal mask (null: none). See: ppoll(2) */
RUNTIME_API int runtime_ppoll(struct pollfd* fds, nfds_t count, const struct timespec* limit, const sigset_t* mask);

/* Waits for one of the descriptors below count in three sets, which are replaced by those that are ready.
 *
 * Sets larger than FD_SETSIZE are taken as the C library takes them: count says how large they are. What is left of the
 * limit is stored in *limit.
 * Parks: until something is ready or the time is over. runtime_close() on one of them: -1 with EBADF, and the sets as
 * they were.
 * See: select(3p), select(2) */
RUNTIME_API int runtime_select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                               struct timeval* limit);

/* As runtime_select, with a finer time, which is left alone, and a signal mask (null: none). See: pselect(3p) */
RUNTIME_API int runtime_pselect(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                                const struct timespec* limit, const sigset_t* mask);

/* Takes up to count events of an epoll descriptor; timeout in milliseconds, negative: without limit.
 *
 * Parks: until there is an event or the time is over. An epoll descriptor can itself be waited for, by these calls and
 * in another epoll descriptor.
 * See: epoll_wait(2) */
RUNTIME_API int runtime_epoll_wait(int fd, struct epoll_event* events, int count, int timeout);

/* As runtime_epoll_wait, with a signal mask (null: none). See: epoll_pwait(2) */
RUNTIME_API int runtime_epoll_pwait(int fd, struct epoll_event* events, int count, int timeout, const sigset_t* mask);

#ifdef __cplusplus
}
#endif
