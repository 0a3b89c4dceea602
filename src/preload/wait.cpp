#include <sys/resource.h>
#include <sys/wait.h>

#include <runtime/posix.h>

#include "preload/visit.hpp"

// Waiting for child processes.

RUNTIME_PRELOAD(pid_t, wait, (int* status), (status), runtime_wait(status))
RUNTIME_PRELOAD_ALIAS(pid_t, __wait, wait, (int*))

RUNTIME_PRELOAD(pid_t, waitpid, (pid_t pid, int* status, int options), (pid, status, options),
                runtime_waitpid(pid, status, options))
RUNTIME_PRELOAD_ALIAS(pid_t, __waitpid, waitpid, (pid_t, int*, int))

RUNTIME_PRELOAD(pid_t, wait3, (int* status, int options, rusage* usage), (status, options, usage),
                runtime_wait4(-1, status, options, usage))

RUNTIME_PRELOAD(pid_t, wait4, (pid_t pid, int* status, int options, rusage* usage), (pid, status, options, usage),
                runtime_wait4(pid, status, options, usage))

RUNTIME_PRELOAD(int, waitid, (idtype_t type, id_t id, siginfo_t* info, int options), (type, id, info, options),
                runtime_waitid(type, id, info, options))
