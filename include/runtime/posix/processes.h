#pragma once

/* Waiting for child processes: POSIX calls that park a fiber. The rules for all of them: <runtime/posix.h>. */

#include <sys/types.h>
#include <sys/wait.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* <sys/resource.h> hides it from strict C. */
struct rusage;

/* Waits for a child to end (or to stop or go on, as the options say), and reaps only what matches, as waitpid(2) does:
 * pid > 0: that child; -1: any; 0: any of the caller's process group; less: any of the group -pid.
 *
 * Parks: until there is one; with WNOHANG never. The end of one child is reported by the kernel (pidfd). Any child, and
 * stopping and going on, it reports to signal handlers alone, so they are looked for at least every 8 ms. What a traced
 * child stops for is waited for with __WALL, WUNTRACED or WCONTINUED only.
 * See: waitpid(3p), waitpid(2) */
RUNTIME_API pid_t runtime_waitpid(pid_t pid, int* status, int options);

/* As runtime_waitpid with -1 and no options. See: wait(3p) */
RUNTIME_API pid_t runtime_wait(int* status);

/* As runtime_waitpid, and tells what the child has used, if usage is not null. See: wait4(2) */
RUNTIME_API pid_t runtime_wait4(pid_t pid, int* status, int options, struct rusage* usage);

#if defined(_POSIX_C_SOURCE) && _POSIX_C_SOURCE >= 200809L
/* As runtime_waitpid, with P_PID, P_PGID, P_ALL or P_PIDFD for whom, WNOWAIT to leave the child to a later call, and
 * siginfo_t for the answer. (Not in strict C, which has no siginfo_t.) See: waitid(3p), waitid(2) */
RUNTIME_API int runtime_waitid(idtype_t type, id_t id, siginfo_t* info, int options);
#endif

#ifdef __cplusplus
}
#endif
