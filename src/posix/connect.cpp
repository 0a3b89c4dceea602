#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "posix/flag_loan.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

bool is_unix(int fd) noexcept {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

int connect_parking(int fd, const sockaddr* address, socklen_t address_size) noexcept {
  Patience patience(fd, io::kWritable, SO_SNDTIMEO);
  for (;;) {
    bool is_refused;
    int result;
    {
      const FlagLoan loan(fd);
      result = ::connect(fd, address, address_size);
      is_refused = loan.was_set();
    }
    if (result == 0 || is_refused) return result;
    const int connect_errno = errno;
    patience.assume_blocking();
    switch (connect_errno) {
      case EINTR:
        break;
      // Under way. When it has ended, the next call tells how, and leaves the socket in the state in which a blocking
      // connect would: asking SO_ERROR instead, a later connect() would not say EISCONN.
      case EINPROGRESS:
      case EALREADY:
        if (patience.wait()) break;
        if (patience.is_timed_out()) errno = connect_errno;
        return -1;
      // The listener's queue is full. The kernel has no readiness for that: such a socket counts as writable, hung up.
      case EAGAIN:
        if (is_unix(fd) && patience.pause()) break;
        return -1;
      default:
        return -1;
    }
  }
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_connect(int fd, const sockaddr* address, socklen_t address_size) {
  if (!io::begin_call()) return ::connect(fd, address, address_size);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::connect_parking(fd, address, address_size));
}
