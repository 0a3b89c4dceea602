#pragma once

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

namespace runtime::inline v1::process {

/// write(2) that says EPIPE without raising SIGPIPE, whatever the program does about that signal.
///
/// The kernel sends it to the writing thread, before write() returns. It is blocked meanwhile, and taken back. (Pipes
/// have no MSG_NOSIGNAL, and a library cannot ignore a signal for the whole program.)
inline ssize_t quiet_write(int fd, const void* bytes, std::size_t n) noexcept {
  sigset_t sigpipe, before, pending;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  // One that waits already is the program's.
  sigemptyset(&pending);
  if (sigismember(&before, SIGPIPE) == 1) ::sigpending(&pending);
  const ssize_t result = ::write(fd, bytes, n);
  const int error = errno;
  if (result < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec at_once{};
    while (::sigtimedwait(&sigpipe, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return result;
}

}  // namespace runtime::inline v1::process
