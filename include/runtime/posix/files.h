#pragma once

/* Opening and securing files: POSIX calls that park a fiber. The rules for all of them: <runtime/posix.h>. */

#include <fcntl.h>
#include <sys/types.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a file; the mode is read with O_CREAT and O_TMPFILE only.
 *
 * Parks: until the file is open, on the blocking pool. A named FIFO until its other end is opened too: that takes no
 * thread and can be cancelled; it is looked for at least every 8 ms.
 * See: open(3p), open(2) */
RUNTIME_API int runtime_open(const char* path, int flags, ...);

/* As runtime_open, relative to a directory. See: openat(3p) */
RUNTIME_API int runtime_openat(int directory, const char* path, int flags, ...);

/* As runtime_open with O_WRONLY, O_CREAT and O_TRUNC. See: creat(3p) */
RUNTIME_API int runtime_creat(const char* path, mode_t mode);

/* Waits until all of a file is on its disk. Parks: on the blocking pool. See: fsync(3p) */
RUNTIME_API int runtime_fsync(int fd);

/* As runtime_fsync, without what is not needed to read the data again. See: fdatasync(3p) */
RUNTIME_API int runtime_fdatasync(int fd);

#ifdef __cplusplus
}
#endif
