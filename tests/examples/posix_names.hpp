#pragma once

// The one line a team adds to its own code: `#include "posix_names.hpp"`, after all other includes.
//
// From here on, the POSIX calls that may wait are those of libruntime: the same arguments, the same results, the same
// errno. Called from a fiber they park that fiber and the thread goes on with the others; called from a plain thread
// they block it, as ever. The code below the include stays as it was written, and serves fibers and threads alike.
//
// Calls that do not wait (socket, setsockopt and the like) stay those of the C library. So does stdio: a write to a
// local file goes to the page cache. Where the disk is slow, runtime_open and runtime_write take it to the pool.
//
// The macros take arguments, so that types and variables of these names (`struct addrinfo`, `int close`) are left
// alone. They would still touch a member function called `close(...)`, and declarations in headers that come later:
// hence the last place among the includes of a .cpp file, and never in a header. Programs that cannot be compiled
// again have libruntime_preload.so instead.

#include <runtime/posix.h>

#define read(...) runtime_read(__VA_ARGS__)
#define write(...) runtime_write(__VA_ARGS__)
#define readv(...) runtime_readv(__VA_ARGS__)
#define writev(...) runtime_writev(__VA_ARGS__)
#define recv(...) runtime_recv(__VA_ARGS__)
#define send(...) runtime_send(__VA_ARGS__)
#define recvfrom(...) runtime_recvfrom(__VA_ARGS__)
#define sendto(...) runtime_sendto(__VA_ARGS__)
#define recvmsg(...) runtime_recvmsg(__VA_ARGS__)
#define sendmsg(...) runtime_sendmsg(__VA_ARGS__)
#define connect(...) runtime_connect(__VA_ARGS__)
#define accept(...) runtime_accept(__VA_ARGS__)
#define accept4(...) runtime_accept4(__VA_ARGS__)
#define close(...) runtime_close(__VA_ARGS__)
#define shutdown(...) runtime_shutdown(__VA_ARGS__)
#define poll(...) runtime_poll(__VA_ARGS__)
#define nanosleep(...) runtime_nanosleep(__VA_ARGS__)
#define sleep(...) runtime_sleep(__VA_ARGS__)
#define usleep(...) runtime_usleep(__VA_ARGS__)
#define getaddrinfo(...) runtime_getaddrinfo(__VA_ARGS__)
