#include <unistd.h>

#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "posix/lingering.hpp"
#include "posix/on_pool.hpp"
#include "posix/patience.hpp"

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_close(int fd) {
  if (fd < 0) return ::close(fd);
  io::fd_closing(fd);
  const auto close = [fd] {
    const int result = ::close(fd);
    const int error = errno;
    io::fd_changed(fd);  // for those who began to wait since the notice: their next try says EBADF
    errno = error;
    return result;
  };
  if (!io::on_fiber()) return close();
  const posix::KeepErrno errno_before;
  const int result = posix::lingers(fd) ? posix::call_on_pool(close) : close();
  // Interrupted or not, the descriptor is gone.
  return errno_before.unless_failed(result < 0 && errno == EINTR ? 0 : result);
}

int runtime_shutdown(int fd, int how) {
  const int result = ::shutdown(fd, how);
  // A blocked writer ends with it; but epoll calls a Unix socket writable only while there is room.
  if (result == 0) io::fd_changed(fd);
  return result;
}
