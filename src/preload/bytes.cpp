#include <sys/eventfd.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <runtime/posix.h>

#include "preload/visit.hpp"

// Reading and writing whatever a descriptor is. Offsets are 64 bits wide on all machines we know: the names that say so
// are the same functions.

RUNTIME_PRELOAD(ssize_t, read, (int fd, void* buffer, size_t size), (fd, buffer, size), runtime_read(fd, buffer, size))
RUNTIME_PRELOAD_ALIAS(ssize_t, __read, read, (int, void*, size_t))

RUNTIME_PRELOAD(ssize_t, write, (int fd, const void* buffer, size_t size), (fd, buffer, size),
                runtime_write(fd, buffer, size))
RUNTIME_PRELOAD_ALIAS(ssize_t, __write, write, (int, const void*, size_t))

RUNTIME_PRELOAD(ssize_t, readv, (int fd, const iovec* parts, int count), (fd, parts, count),
                runtime_readv(fd, parts, count))
RUNTIME_PRELOAD(ssize_t, writev, (int fd, const iovec* parts, int count), (fd, parts, count),
                runtime_writev(fd, parts, count))

RUNTIME_PRELOAD(ssize_t, pread, (int fd, void* buffer, size_t size, off_t offset), (fd, buffer, size, offset),
                runtime_pread(fd, buffer, size, offset))
RUNTIME_PRELOAD_ALIAS(ssize_t, pread64, pread, (int, void*, size_t, off_t))
RUNTIME_PRELOAD_ALIAS(ssize_t, __pread64, pread, (int, void*, size_t, off_t))

RUNTIME_PRELOAD(ssize_t, pwrite, (int fd, const void* buffer, size_t size, off_t offset), (fd, buffer, size, offset),
                runtime_pwrite(fd, buffer, size, offset))
RUNTIME_PRELOAD_ALIAS(ssize_t, pwrite64, pwrite, (int, const void*, size_t, off_t))
RUNTIME_PRELOAD_ALIAS(ssize_t, __pwrite64, pwrite, (int, const void*, size_t, off_t))

RUNTIME_PRELOAD(ssize_t, preadv, (int fd, const iovec* parts, int count, off_t offset), (fd, parts, count, offset),
                runtime_preadv(fd, parts, count, offset))
RUNTIME_PRELOAD_ALIAS(ssize_t, preadv64, preadv, (int, const iovec*, int, off_t))

RUNTIME_PRELOAD(ssize_t, pwritev, (int fd, const iovec* parts, int count, off_t offset), (fd, parts, count, offset),
                runtime_pwritev(fd, parts, count, offset))
RUNTIME_PRELOAD_ALIAS(ssize_t, pwritev64, pwritev, (int, const iovec*, int, off_t))

// With flags: those ask for something that no call of ours has, or, as RWF_NOWAIT, for no wait. An offset of -1 is the
// descriptor's own place.

RUNTIME_PRELOAD(ssize_t, preadv2, (int fd, const iovec* parts, int count, off_t offset, int flags),
                (fd, parts, count, offset, flags),
                flags != 0      ? next_preadv2(fd, parts, count, offset, flags)
                : offset == -1  ? runtime_readv(fd, parts, count)
                                : runtime_preadv(fd, parts, count, offset))
RUNTIME_PRELOAD_ALIAS(ssize_t, preadv64v2, preadv2, (int, const iovec*, int, off_t, int))

RUNTIME_PRELOAD(ssize_t, pwritev2, (int fd, const iovec* parts, int count, off_t offset, int flags),
                (fd, parts, count, offset, flags),
                flags != 0      ? next_pwritev2(fd, parts, count, offset, flags)
                : offset == -1  ? runtime_writev(fd, parts, count)
                                : runtime_pwritev(fd, parts, count, offset))
RUNTIME_PRELOAD_ALIAS(ssize_t, pwritev64v2, pwritev2, (int, const iovec*, int, off_t, int))

// The fortified forms: the compiler knew how large the buffer is. Too small a one is for the original to report.

RUNTIME_PRELOAD(ssize_t, __read_chk, (int fd, void* buffer, size_t size, size_t room), (fd, buffer, size, room),
                size > room ? next___read_chk(fd, buffer, size, room) : runtime_read(fd, buffer, size))
RUNTIME_PRELOAD(ssize_t, __pread_chk, (int fd, void* buffer, size_t size, off_t offset, size_t room),
                (fd, buffer, size, offset, room),
                size > room ? next___pread_chk(fd, buffer, size, offset, room) : runtime_pread(fd, buffer, size, offset))
RUNTIME_PRELOAD_ALIAS(ssize_t, __pread64_chk, __pread_chk, (int, void*, size_t, off_t, size_t))

// Counters: their C library calls are a read and a write from within.

RUNTIME_PRELOAD(int, eventfd_read, (int fd, eventfd_t* value), (fd, value),
                runtime_read(fd, value, sizeof *value) == sizeof *value ? 0 : -1)
RUNTIME_PRELOAD(int, eventfd_write, (int fd, eventfd_t value), (fd, value),
                runtime_write(fd, &value, sizeof value) == sizeof value ? 0 : -1)
