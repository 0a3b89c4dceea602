#include "io/await.hpp"

#include <poll.h>

#include <cerrno>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::io {
namespace {

void block_on_fd(int fd, std::uint8_t interest, const char* what) {
  short events = 0;
  if ((interest & kReadable) != 0) events |= POLLIN;
  if ((interest & kWritable) != 0) events |= POLLOUT;
  pollfd look{fd, events, 0};
  while (::poll(&look, 1, -1) < 0) {
    if (errno != EINTR) base::throw_errno(errno, "poll");
  }
  if ((look.revents & POLLNVAL) != 0) base::throw_errno(EBADF, what);
}

}  // namespace

bool begin_await(const char* what) {
  require_io(what);
  if (!begin_call()) return false;
  task::throw_if_cancelled(*task::parkable());
  return true;
}

void await_fd(int fd, std::uint8_t interest, const char* what) {
  if (!on_fiber()) return block_on_fd(fd, interest, what);
  switch (wait_fd(fd, interest, base::kForever)) {
    case WaitEnd::ready:
    case WaitEnd::timed_out:
      return;
    case WaitEnd::cancelled:
      throw Cancelled();
    case WaitEnd::closed:
      break;
  }
  base::throw_errno(EBADF, what);
}

}  // namespace runtime::inline v1::io
