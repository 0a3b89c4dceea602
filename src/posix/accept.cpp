#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "posix/flag_loan.hpp"
#include "posix/patience.hpp"
#include "posix/plain_thread.hpp"

namespace runtime::inline v1::posix {
namespace {

int accept_once(int fd, sockaddr* address, socklen_t* address_size, int flags) noexcept {
  const FlagLoan loan(fd);
  return ::accept4(fd, address, address_size, flags);
}

int accept_parking(int fd, sockaddr* address, socklen_t* address_size, int flags) noexcept {
  Patience patience(fd, io::kReadable, SO_RCVTIMEO);
  for (;;) {
    const int accepted = accept_once(fd, address, address_size, flags);
    if (accepted >= 0) return accepted;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    if (patience.is_shut_for_receiving()) return ::accept4(fd, address, address_size, flags);
    if (!is_nonblocking_after_all(fd)) patience.assume_blocking();
    if (!patience.wait()) return -1;
  }
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_accept(int fd, sockaddr* address, socklen_t* address_size) {
  return runtime_accept4(fd, address, address_size, 0);
}

int runtime_accept4(int fd, sockaddr* address, socklen_t* address_size, int flags) {
  if (!io::begin_call()) {
    return posix::on_plain_thread(fd, SO_RCVTIMEO, [&] { return ::accept4(fd, address, address_size, flags); });
  }
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::accept_parking(fd, address, address_size, flags));
}
