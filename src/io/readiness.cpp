#include <runtime/io/readiness.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/call.hpp"
#include "io/pauses.hpp"
#include "io/poll_events.hpp"
#include "io/wait.hpp"
#include "task/park.hpp"
#include "time/now.hpp"

namespace runtime::inline v1 {
namespace io {
namespace {

static_assert(static_cast<std::uint8_t>(Interest::readable) == kReadable);
static_assert(static_cast<std::uint8_t>(Interest::writable) == kWritable);
static_assert(static_cast<std::uint8_t>(Interest::priority) == kPriority);

constexpr base::Nanos kMillisecond = 1'000'000;

/// One look with poll(2), at most so long. Throws: std::system_error.
bool look(int fd, std::uint8_t interest, int milliseconds) {
  pollfd look{fd, poll_events(interest), 0};
  // A negative number poll() would leave out, and wait for nothing.
  const int ready = fd < 0 ? (errno = EBADF, -1) : ::poll(&look, 1, milliseconds);
  if (ready < 0 && errno != EINTR) base::throw_errno(errno, "poll");
  if (ready == 1 && (look.revents & POLLNVAL) != 0) base::throw_errno(EBADF, "poll");
  return ready == 1;
}

bool wait_on_thread(int fd, std::uint8_t interest, base::Nanos deadline) {
  for (;;) {
    constexpr base::Nanos kLongest = 1'000'000;  // milliseconds; then again
    const base::Nanos left = deadline == base::kForever ? base::kForever : deadline - base::monotonic_now();
    // Rounded up: a wait that is too short would make this loop spin.
    const auto rounded = static_cast<int>(std::clamp<base::Nanos>(left / kMillisecond + 1, 0, kLongest));
    if (look(fd, interest, left <= 0 ? 0 : rounded)) return true;
    if (left <= 0) return false;
  }
}

bool wait_on_fiber(int fd, std::uint8_t interest, base::Nanos deadline) {
  Pauses pauses;
  for (bool in_vain = false; !look(fd, interest, 0); in_vain = !in_vain) {
    // What the driver calls ready and poll() does not, as a file of which somebody wants urgent bytes, it may call ready
    // again and again.
    switch (in_vain ? pauses.next(deadline) : wait_fd(fd, interest, deadline)) {
      case WaitEnd::ready: break;
      case WaitEnd::timed_out: return look(fd, interest, 0);
      case WaitEnd::cancelled: throw Cancelled();
      case WaitEnd::closed: base::throw_errno(EBADF, "poll");
    }
  }
  return true;
}

}  // namespace
}  // namespace io

bool detail::wait_ready(int fd, io::Interest interest, std::int64_t limit) {
  const auto bits = static_cast<std::uint8_t>(interest);
  if (bits == 0 || bits > (io::kReadable | io::kWritable | io::kPriority)) {
    throw Error(Errc::invalid_argument, "io::wait() takes an interest in readable, writable and priority");
  }
  if (limit < 0) throw Error(Errc::invalid_argument, "io::wait() takes a timeout of zero or more");
  if (limit != base::kForever) time::require_timers("io::wait()");
  io::begin("io::wait()");
  const bool is_fiber = io::on_fiber();
  const base::Nanos deadline = limit == base::kForever ? limit
                               : is_fiber              ? time::deadline_after(limit)
                                                       : base::deadline_after(limit);
  return is_fiber ? io::wait_on_fiber(fd, bits, deadline) : io::wait_on_thread(fd, bits, deadline);
}

}  // namespace runtime::inline v1
