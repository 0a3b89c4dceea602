#pragma once

/* The POSIX calls that may wait, as calls that park a fiber. C and C++.
 *
 * Each has the arguments, the results and the errno values of the call it is named after, for blocking and for
 * non-blocking descriptors. On a thread that runs no fiber it is that call. On a fiber (a task, or the root of block_on)
 * these rules hold for all of them:
 *
 *  - What would block the thread parks the fiber. A descriptor that the program has made non-blocking answers EAGAIN, and
 *    MSG_DONTWAIT is obeyed.
 *  - Never EINTR: a signal handler runs, and the call goes on, as after SA_RESTART.
 *  - errno is unchanged on success. SIGPIPE is raised where POSIX raises it.
 *  - O_NONBLOCK stays as the program set it. Where the kernel has no other way to try without waiting (connect, accept,
 *    and read and write on terminals, named FIFOs, inotify and the like) it is set for the length of that one system
 *    call and put back at once; calls of this library on other threads are not misled by that.
 *  - SO_RCVTIMEO and SO_SNDTIMEO hold, counted from the moment the call has to wait. SO_RCVLOWAT counts only from then
 *    on: bytes that are there already are returned at once.
 *  - A cancelled task gets -1 with ECANCELED from a call that would have to wait; one that need not wait succeeds, and
 *    bytes that were moved before count more than the error. No exception ever leaves these functions.
 *  - runtime_close() on the descriptor, from any thread, ends the wait: -1 with EBADF. So does becoming the target of
 *    runtime_dup2() or runtime_dup3().
 *
 * Regular files, directories and block devices have no readiness: their reads and writes run on the blocking pool of
 * the runtime, and the fiber parks until they have returned, also when it is cancelled meanwhile. When the pool takes
 * nothing (it is shut down, or no thread can be made), they run on the calling thread.
 *
 * Thread safety: any thread, as the calls they are named after.
 * See: https://pubs.opengroup.org/onlinepubs/9699919799/functions/ and the name without runtime_. */

#include <runtime/posix/bytes.h>
#include <runtime/posix/descriptors.h>
#include <runtime/posix/files.h>
#include <runtime/posix/names.h>
#include <runtime/posix/processes.h>
#include <runtime/posix/readiness.h>
#include <runtime/posix/sleep.h>
#include <runtime/posix/sockets.h>
