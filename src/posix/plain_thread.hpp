#pragma once

#include <cerrno>

#include "base/clock.hpp"
#include "posix/descriptor.hpp"
#include "posix/flag_loan.hpp"

namespace runtime::inline v1::posix {

/// The call itself, for a thread that runs no fiber. A blocking descriptor can say EAGAIN there for one reason beside
/// its time limit: a fiber of another thread had its flag on loan in that moment. Then again; but not for ever, as a
/// driver may have reasons of its own.
template <class Call>
auto on_plain_thread(int fd, int time_limit, Call call) -> decltype(call()) {
  auto result = call();
  for (int again = 0; again < 3 && result < 0 && errno == EAGAIN; ++again) {
    if (is_nonblocking(fd) || socket_deadline(fd, time_limit) != base::kForever) {
      errno = EAGAIN;
      break;
    }
    result = call();
  }
  return result;
}

}  // namespace runtime::inline v1::posix
