#include <fcntl.h>
#include <unistd.h>

#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "posix/lingering.hpp"
#include "posix/on_pool.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

/// duplicate(): dup2() or dup3(), whose target is closed by it when `fd` is a descriptor and another one.
template <class Duplicate>
int replace(int fd, int target, Duplicate duplicate) noexcept {
  const KeepErrno errno_before;
  if (target < 0 || fd == target || ::fcntl(fd, F_GETFD) < 0) return errno_before.unless_failed(duplicate());
  io::fd_closing(target);
  const auto uninterrupted = [&] {
    for (;;) {
      const int result = duplicate();
      if (result >= 0 || errno != EINTR) return result;
    }
  };
  const int result = !io::on_fiber() ? duplicate() : lingers(target) ? call_on_pool(uninterrupted) : uninterrupted();
  const int error = errno;
  io::fd_changed(target);  // for those who began to wait since the notice: they try again, on what it is now
  errno = error;
  return errno_before.unless_failed(result);
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace posix = runtime::posix;

int runtime_dup(int fd) { return ::dup(fd); }

int runtime_dup2(int fd, int target) {
  return posix::replace(fd, target, [=] { return ::dup2(fd, target); });
}

int runtime_dup3(int fd, int target, int flags) {
  const auto duplicate = [=] { return ::dup3(fd, target, flags); };
  // What is refused closes nothing.
  return (flags & ~O_CLOEXEC) != 0 ? duplicate() : posix::replace(fd, target, duplicate);
}
