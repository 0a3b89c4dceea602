#include <fcntl.h>
#include <sys/file.h>

#include <runtime/posix.h>

#include <cerrno>
#include <cstdarg>

#include "io/wait.hpp"
#include "posix/flag_loan.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

/// Tries until the lock is there. To let a thread of the pool wait in the kernel instead could not be cancelled, and
/// would deadlock as soon as the waiting for locks has taken all threads and their holders need one.
template <class Try>
int lock_parking(int fd, Try attempt) noexcept {
  Patience patience(fd, 0, Patience::kNoLimit);
  patience.assume_blocking();  // O_NONBLOCK says nothing about locks
  for (;;) {
    const int result = attempt();
    if (result >= 0) return result;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !patience.pause()) return -1;
  }
}

int control(int fd, int command, void* argument) noexcept {
  const NoLoans no_loans;
  return ::fcntl(fd, command, argument);
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_flock(int fd, int operation) {
  if (!io::begin_call()) return ::flock(fd, operation);
  const auto attempt = [=] { return ::flock(fd, operation | LOCK_NB); };
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed((operation & LOCK_NB) != 0 ? attempt() : posix::lock_parking(fd, attempt));
}

int runtime_fcntl(int fd, int command, ...) {
  // An int, a long or a pointer, or nothing: all of them, and garbage too, have the size of one register here.
  std::va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (command == F_GETFL || command == F_SETFL) return posix::control(fd, command, argument);
  if (command != F_SETLKW && command != F_OFD_SETLKW) return ::fcntl(fd, command, argument);
  if (!io::begin_call()) return ::fcntl(fd, command, argument);
  const int without_waiting = command == F_SETLKW ? F_SETLK : F_OFD_SETLK;
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::lock_parking(fd, [=] { return ::fcntl(fd, without_waiting, argument); }));
}
