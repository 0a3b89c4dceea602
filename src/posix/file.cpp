#include <fcntl.h>
#include <unistd.h>

#include <runtime/posix.h>

#include <cerrno>
#include <cstdarg>

#include "io/wait.hpp"
#include "posix/fifo.hpp"
#include "posix/on_pool.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

/// Only these flags bring a mode.
bool has_mode(int flags) noexcept { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

int open_parking(int directory, const char* path, int flags, mode_t mode) noexcept {
  bool is_fifo = false;
  const int fd = call_on_disk([&] {
    // Else the open of a FIFO would keep the thread until the other end comes.
    is_fifo = may_wait_as_fifo(flags) && is_fifo_at(directory, path, flags);
    return is_fifo ? (errno = 0, -1) : ::openat(directory, path, flags, mode);
  });
  return is_fifo ? open_fifo(directory, path, flags) : fd;
}

int open(int directory, const char* path, int flags, mode_t mode) noexcept {
  if (!io::begin_call()) return ::openat(directory, path, flags, mode);
  const KeepErrno errno_before;
  return errno_before.unless_failed(open_parking(directory, path, flags, mode));
}

template <class Call>
int secure(Call call) noexcept {
  if (!io::begin_call()) return call();
  const KeepErrno errno_before;
  return errno_before.unless_failed(call_on_disk(call));
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace posix = runtime::posix;

int runtime_open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (posix::has_mode(flags)) {
    std::va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  return posix::open(AT_FDCWD, path, flags, mode);
}

int runtime_openat(int directory, const char* path, int flags, ...) {
  mode_t mode = 0;
  if (posix::has_mode(flags)) {
    std::va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  return posix::open(directory, path, flags, mode);
}

int runtime_creat(const char* path, mode_t mode) {
  return posix::open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int runtime_fsync(int fd) {
  return posix::secure([fd] { return ::fsync(fd); });
}

int runtime_fdatasync(int fd) {
  return posix::secure([fd] { return ::fdatasync(fd); });
}
