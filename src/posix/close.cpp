#include <unistd.h>

#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "posix/on_pool.hpp"

namespace runtime::inline v1::posix {
namespace {

/// The kernel holds close() up, for non-blocking sockets too, until the data is out or the time is over.
bool lingers(int fd) noexcept {
  const int errno_before = errno;
  linger option{};
  socklen_t size = sizeof option;
  const bool set = ::getsockopt(fd, SOL_SOCKET, SO_LINGER, &option, &size) == 0;
  errno = errno_before;
  return set && option.l_onoff != 0 && option.l_linger > 0;
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_close(int fd) {
  if (fd >= 0) io::fd_closing(fd);
  if (!io::on_fiber()) return ::close(fd);
  const int errno_before = errno;
  int result = posix::lingers(fd) ? posix::call_on_pool([fd] { return ::close(fd); }) : ::close(fd);
  // Interrupted or not, the descriptor is gone.
  if (result < 0 && errno == EINTR) result = 0;
  if (result == 0) errno = errno_before;
  return result;
}

int runtime_shutdown(int fd, int how) { return ::shutdown(fd, how); }
