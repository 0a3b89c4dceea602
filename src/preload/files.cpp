#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include <runtime/posix.h>

#include "preload/visit.hpp"

// Files: opening, locking, waiting for the disk. (What moves bytes is in bytes.cpp and transfer.cpp.)

namespace runtime::preload {
namespace {

// lockf() is a record lock from where the file stands; F_LOCK alone waits.
int lock_parking(int fd, off_t size) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_CUR;
  lock.l_len = size;
  return runtime_fcntl(fd, F_SETLKW, &lock);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, open, (const char* path, int flags, mode_t mode), (path, flags, mode),
                runtime_open(path, flags, mode))
RUNTIME_PRELOAD_ALIAS(int, open64, open, (const char*, int, mode_t))
RUNTIME_PRELOAD_ALIAS(int, __open, open, (const char*, int, mode_t))
RUNTIME_PRELOAD_ALIAS(int, __open64, open, (const char*, int, mode_t))

RUNTIME_PRELOAD(int, openat, (int directory, const char* path, int flags, mode_t mode), (directory, path, flags, mode),
                runtime_openat(directory, path, flags, mode))
RUNTIME_PRELOAD_ALIAS(int, openat64, openat, (int, const char*, int, mode_t))

RUNTIME_PRELOAD(int, creat, (const char* path, mode_t mode), (path, mode), runtime_creat(path, mode))
RUNTIME_PRELOAD_ALIAS(int, creat64, creat, (const char*, mode_t))

// The fortified forms have no mode, and end the program when the flags ask for one.
RUNTIME_PRELOAD(int, __open_2, (const char* path, int flags), (path, flags),
                (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? next___open_2(path, flags)
                                                                           : runtime_open(path, flags))
RUNTIME_PRELOAD_ALIAS(int, __open64_2, __open_2, (const char*, int))
RUNTIME_PRELOAD(int, __openat_2, (int directory, const char* path, int flags), (directory, path, flags),
                (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? next___openat_2(directory, path, flags)
                                                                           : runtime_openat(directory, path, flags))
RUNTIME_PRELOAD_ALIAS(int, __openat64_2, __openat_2, (int, const char*, int))

RUNTIME_PRELOAD(int, fsync, (int fd), (fd), runtime_fsync(fd))
RUNTIME_PRELOAD(int, fdatasync, (int fd), (fd), runtime_fdatasync(fd))

RUNTIME_PRELOAD(int, flock, (int fd, int operation), (fd, operation), runtime_flock(fd, operation))

RUNTIME_PRELOAD(int, lockf, (int fd, int command, off_t size), (fd, command, size),
                command == F_LOCK ? lock_parking(fd, size) : next_lockf(fd, command, size))
RUNTIME_PRELOAD_ALIAS(int, lockf64, lockf, (int, int, off_t))
