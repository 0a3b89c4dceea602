#pragma once

/* Sockets: POSIX calls that park a fiber. The rules for all of them: <runtime/posix.h>. */

#include <sys/socket.h>
#include <sys/types.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* <sys/socket.h> hides it from strict C. */
struct mmsghdr;
struct timespec;

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

/* Receives up to count messages, and returns how many have come.
 *
 * Parks: until count messages have come; with MSG_WAITFORONE until there is one. A limit is looked at after messages
 * that have come, as in Linux: alone it does not end the wait for the next one. What is left of it is stored in *limit.
 * Errors, SO_RCVTIMEO and cancellation end the call with the messages that came before.
 * See: recvmmsg(2) */
RUNTIME_API int runtime_recvmmsg(int fd, struct mmsghdr* messages, unsigned int count, int flags,
                                 struct timespec* limit);

/* Sends up to count messages, at most 1024, and returns how many went out.
 *
 * Parks: until the kernel has taken all. An error, SO_SNDTIMEO or cancellation end the call with those that went out
 * before.
 * See: sendmmsg(2) */
RUNTIME_API int runtime_sendmmsg(int fd, struct mmsghdr* messages, unsigned int count, int flags);

#ifdef __cplusplus
}
#endif
