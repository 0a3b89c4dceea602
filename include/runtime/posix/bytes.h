#pragma once

/* Reading and writing: POSIX calls that park a fiber. The rules for all of them: <runtime/posix.h>. */

#include <sys/types.h>
#include <sys/uio.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

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

/* Reads up to count bytes from a place in a file, and leaves the file's own place alone.
 *
 * What the page cache has is copied at once, all else on the blocking pool.
 * See: pread(3p) */
RUNTIME_API ssize_t runtime_pread(int fd, void* buffer, size_t count, off_t offset);

/* As runtime_pread, into several buffers. See: preadv(2) */
RUNTIME_API ssize_t runtime_preadv(int fd, const struct iovec* parts, int count, off_t offset);

/* Writes count bytes to a place in a file, and leaves the file's own place alone. See: pwrite(3p) */
RUNTIME_API ssize_t runtime_pwrite(int fd, const void* buffer, size_t count, off_t offset);

/* As runtime_pwrite, from several buffers. See: pwritev(2) */
RUNTIME_API ssize_t runtime_pwritev(int fd, const struct iovec* parts, int count, off_t offset);

#ifdef __cplusplus
}
#endif
