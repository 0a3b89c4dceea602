#include <unistd.h>

#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "posix/on_pool.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

/// The kernel holds close() up, for non-blocking sockets too, until the data is out or the time is over.
bool lingers(int fd) noexcept {
  linger option{};
  socklen_t size = sizeof option;
  return ::getsockopt(fd, SOL_SOCKET, SO_LINGER, &option, &size) == 0 && option.l_onoff != 0 && option.l_linger > 0;
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_close(int fd) {
  if (fd >= 0) io::fd_closing(fd);
  if (!io::on_fiber()) return ::close(fd);
  const posix::KeepErrno errno_before;
  const auto close = [fd] { return ::close(fd); };
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
