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
 *  - runtime_close() on the descriptor, from any thread, ends the wait: -1 with EBADF.
 *
 * Regular files, directories and block devices have no readiness: their reads and writes run on the blocking pool of
 * the runtime, and the fiber parks until they have returned, also when it is cancelled meanwhile. When the pool takes
 * nothing (it is shut down, or no thread can be made), they run on the calling thread.
 *
 * Thread safety: any thread, as the calls they are named after.
 * See: https://pubs.opengroup.org/onlinepubs/9699919799/functions/ and the name without runtime_. */

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* <netdb.h> hides it from strict C. */
struct addrinfo;
struct timespec;

/* ---- Reading and writing ---------------------------------------------------------------------------------------- */

/* Reads up to count bytes; 0 is the end of the file.
 *
 * Parks: until there is a byte, the end or an error. A terminal's VMIN and VTIME hold.
 * See: read(3p) */
RUNTIME_API ssize_t runtime_read(int fd, void* buffer, size_t count);

/* As runtime_read, into several buffers. See: readv(3p) */
RUNTIME_API ssize_t runtime_readv(int fd, const struct iovec* parts, int count);

/* Writes count bytes.
 *
 * Parks: until all of them are in a pipe, a terminal or a stream socket. Less is returned only after SO_SNDTIMEO,
 * cancellation, runtime_close(), or an error that came half-way; an error before the first byte is -1. Up to PIPE_BUF
 * bytes go into a pipe at once, unmixed with others'.
 * See: write(3p) */
RUNTIME_API ssize_t runtime_write(int fd, const void* buffer, size_t count);

/* As runtime_write, from several buffers. See: writev(3p) */
RUNTIME_API ssize_t runtime_writev(int fd, const struct iovec* parts, int count);

/* ---- Sockets ---------------------------------------------------------------------------------------------------- */

/* Receives what has come: a message, or up to size bytes of a stream; 0 is the end of a stream.
 *
 * Parks: until there is something; with MSG_WAITALL on a stream until size bytes are there. MSG_PEEK, MSG_TRUNC and
 * their combinations hold. MSG_OOB and MSG_ERRQUEUE never wait.
 * See: recv(3p), recv(2) */
RUNTIME_API ssize_t runtime_recv(int fd, void* buffer, size_t size, int flags);

/* As runtime_recv, and says who sent it. See: recvfrom(3p) */
RUNTIME_API ssize_t runtime_recvfrom(int fd, void* buffer, size_t size, int flags, struct sockaddr* address,
                                     socklen_t* address_size);

/* As runtime_recv, into several buffers and with ancillary data. With MSG_WAITALL a message that brings descriptors
 * ends the wait, as in the kernel. See: recvmsg(3p) */
RUNTIME_API ssize_t runtime_recvmsg(int fd, struct msghdr* message, int flags);

/* Sends one message, or size bytes of a stream.
 *
 * Parks: until the kernel has taken all; less is returned as by runtime_write.
 * See: send(3p) */
RUNTIME_API ssize_t runtime_send(int fd, const void* buffer, size_t size, int flags);

/* As runtime_send, to an address. See: sendto(3p) */
RUNTIME_API ssize_t runtime_sendto(int fd, const void* buffer, size_t size, int flags, const struct sockaddr* address,
                                   socklen_t address_size);

/* As runtime_send, from several buffers and with ancillary data, which goes out once, with the first byte.
 * See: sendmsg(3p) */
RUNTIME_API ssize_t runtime_sendmsg(int fd, const struct msghdr* message, int flags);

/* Connects a socket.
 *
 * Parks: until the connection stands or has failed; a Unix socket until the listener's queue has room. After
 * SO_SNDTIMEO: EINPROGRESS, on a Unix socket EAGAIN, as Linux has it.
 * Cancellation: the attempt goes on in the kernel, as after EINTR in POSIX; close the socket to end it.
 * See: connect(3p) */
RUNTIME_API int runtime_connect(int fd, const struct sockaddr* address, socklen_t address_size);

/* Takes a connection from a listener. The new descriptor is a blocking one, whatever the listener is.
 *
 * Parks: until there is a connection. EMFILE and ENFILE leave it in the queue for a later call.
 * See: accept(3p) */
RUNTIME_API int runtime_accept(int fd, struct sockaddr* address, socklen_t* address_size);

/* As runtime_accept, with SOCK_NONBLOCK and SOCK_CLOEXEC for the new descriptor. See: accept(2) */
RUNTIME_API int runtime_accept4(int fd, struct sockaddr* address, socklen_t* address_size, int flags);

/* shutdown(2): wakes those who wait with what POSIX says: runtime_recv returns 0, runtime_send EPIPE.
 * See: shutdown(3p) */
RUNTIME_API int runtime_shutdown(int fd, int how);

/* ---- Any descriptor --------------------------------------------------------------------------------------------- */

/* Fails every call of this library that waits on the descriptor with EBADF (runtime_poll reports POLLNVAL), then
 * closes it.
 *
 * Parks: only a socket with SO_LINGER, until the data is out or the time is over. Never EINTR, never ECANCELED: the
 * descriptor is closed when the call returns.
 * See: close(3p) */
RUNTIME_API int runtime_close(int fd);

/* Waits for one of several descriptors; timeout in milliseconds, negative: without limit.
 *
 * Any number of descriptors, none included (a timer); negative ones are ignored; regular files are ready.
 * Parks: until something is ready or the time is over.
 * See: poll(3p), poll(2) for POLLRDHUP */
RUNTIME_API int runtime_poll(struct pollfd* fds, nfds_t count, int timeout);

/* ---- Time ------------------------------------------------------------------------------------------------------- */

/* Waits for a time. A zero time gives way to other tasks.
 *
 * Cancellation: -1 with ECANCELED; the time that was left is stored in *left if left is not null.
 * See: nanosleep(3p) */
RUNTIME_API int runtime_nanosleep(const struct timespec* time, struct timespec* left);

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

/* ---- Names ------------------------------------------------------------------------------------------------------ */

/* Resolves a name; the result is freed with freeaddrinfo().
 *
 * Numeric hosts with numeric ports are answered at once; all else is looked up on the blocking pool.
 * Parks: until the answer is there.
 * Cancellation: EAI_SYSTEM with ECANCELED, at once; the lookup is left behind and its answer dropped. EAI_SYSTEM with
 * EAGAIN when no pool thread can be made, with ECANCELED when the pool is shut down.
 * See: getaddrinfo(3p) */
RUNTIME_API int runtime_getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                                    struct addrinfo** result);

#ifdef __cplusplus
}
#endif
