#include <sys/socket.h>

#include <runtime/posix.h>

#include "preload/visit.hpp"

// Sockets. (shutdown() is in descriptors.cpp, with all that ends the waits of others.)

RUNTIME_PRELOAD(ssize_t, recv, (int fd, void* buffer, size_t size, int flags), (fd, buffer, size, flags),
                runtime_recv(fd, buffer, size, flags))

RUNTIME_PRELOAD(ssize_t, recvfrom,
                (int fd, void* buffer, size_t size, int flags, sockaddr* address, socklen_t* address_size),
                (fd, buffer, size, flags, address, address_size),
                runtime_recvfrom(fd, buffer, size, flags, address, address_size))

RUNTIME_PRELOAD(ssize_t, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags),
                runtime_recvmsg(fd, message, flags))

RUNTIME_PRELOAD(int, recvmmsg, (int fd, mmsghdr* messages, unsigned count, int flags, timespec* limit),
                (fd, messages, count, flags, limit), runtime_recvmmsg(fd, messages, count, flags, limit))

RUNTIME_PRELOAD(ssize_t, send, (int fd, const void* buffer, size_t size, int flags), (fd, buffer, size, flags),
                runtime_send(fd, buffer, size, flags))
RUNTIME_PRELOAD_ALIAS(ssize_t, __send, send, (int, const void*, size_t, int))

RUNTIME_PRELOAD(ssize_t, sendto,
                (int fd, const void* buffer, size_t size, int flags, const sockaddr* address, socklen_t address_size),
                (fd, buffer, size, flags, address, address_size),
                runtime_sendto(fd, buffer, size, flags, address, address_size))

RUNTIME_PRELOAD(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags),
                runtime_sendmsg(fd, message, flags))

RUNTIME_PRELOAD(int, sendmmsg, (int fd, mmsghdr* messages, unsigned count, int flags), (fd, messages, count, flags),
                runtime_sendmmsg(fd, messages, count, flags))
RUNTIME_PRELOAD_ALIAS(int, __sendmmsg, sendmmsg, (int, mmsghdr*, unsigned, int))

RUNTIME_PRELOAD(int, connect, (int fd, const sockaddr* address, socklen_t size), (fd, address, size),
                runtime_connect(fd, address, size))
RUNTIME_PRELOAD_ALIAS(int, __connect, connect, (int, const sockaddr*, socklen_t))

RUNTIME_PRELOAD(int, accept, (int fd, sockaddr* address, socklen_t* size), (fd, address, size),
                runtime_accept(fd, address, size))

RUNTIME_PRELOAD(int, accept4, (int fd, sockaddr* address, socklen_t* size, int flags), (fd, address, size, flags),
                runtime_accept4(fd, address, size, flags))

RUNTIME_PRELOAD(ssize_t, __recv_chk, (int fd, void* buffer, size_t size, size_t room, int flags),
                (fd, buffer, size, room, flags),
                size > room ? next___recv_chk(fd, buffer, size, room, flags) : runtime_recv(fd, buffer, size, flags))

RUNTIME_PRELOAD(ssize_t, __recvfrom_chk,
                (int fd, void* buffer, size_t size, size_t room, int flags, sockaddr* address, socklen_t* address_size),
                (fd, buffer, size, room, flags, address, address_size),
                size > room ? next___recvfrom_chk(fd, buffer, size, room, flags, address, address_size)
                            : runtime_recvfrom(fd, buffer, size, flags, address, address_size))
