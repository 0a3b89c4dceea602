#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "driver/fd_watch.hpp"

namespace runtime::inline v1::io {

using driver::kPriority;
using driver::kReadable;
using driver::kWritable;

enum class WaitEnd : std::uint8_t {
  ready,      // try the call again; it may still have to wait
  timed_out,
  cancelled,
  closed,     // somebody closed the descriptor on purpose meanwhile
};

struct FdWait {
  int fd;
  std::uint8_t interest;   // driver::Interest bits
  std::uint8_t ready = 0;  // filled in: driver::Interest bits
  bool closed = false;     // filled in
};

/// The caller runs on a fiber: a task or the root of block_on.
bool on_fiber() noexcept;
/// The same, for the beginning of a call that may wait: costs a fiber one unit of its budget, whether the call waits or
/// not, so that a loop over descriptors that are always ready does not keep the driver from being looked at.
bool begin_call() noexcept;
/// The next wait of this fiber would end as cancelled, at once.
bool cancel_pending() noexcept;

/// Parks until the descriptor is ready, in the runtime of the caller. On a fiber only.
///
/// A descriptor that epoll refuses (a regular file) is ready at once. If there is no memory for the watch, it looks
/// again every millisecond instead. The deadline is on the runtime's clock. `look_again`: a pause in real time after
/// which it is `ready` in any case, for what epoll does not report.
WaitEnd wait_fd(int fd, std::uint8_t interest, base::Nanos deadline, base::Nanos look_again = base::kForever) noexcept;

/// The same for a descriptor of an owner, see driver::EpollSet, who has found just now that it is not ready. `closed`: a
/// flag that somebody may set, who calls fd_changed() then: that ends the wait as well, as `ready`.
WaitEnd wait_owned(task::Task& task, int fd, std::uint8_t interest, std::uint64_t owner,
                   const std::atomic<bool>& closed) noexcept;

/// The caller has read all there was; what the driver remembers of that. See driver::EpollSet.
void read_to_the_end(int fd, std::uint64_t owner) noexcept;
bool is_read_to_the_end(int fd, std::uint64_t owner) noexcept;

/// Parks until at least one of n descriptors is ready or closed: `ready`, also for a closed one, whose entry says so.
/// With n == 0 it is a sleep. On a fiber only.
WaitEnd wait_fds(FdWait* fds, std::size_t n, base::Nanos deadline, base::Nanos look_again = base::kForever) noexcept;

/// Parks for a pause in real time, at most until the deadline. On a fiber only. `ready`: the pause is over.
WaitEnd pause(base::Nanos length, base::Nanos deadline) noexcept;

/// Throws: Error io_disabled on a fiber whose runtime was built without I/O. For the waits of C++: POSIX-style calls
/// have no such error. `what` names the call.
void require_io(const char* what);

/// The descriptor is about to be closed, or replaced by dup2: every task of every runtime that waits for it gets
/// `closed`. Any thread, before the call that closes it.
void fd_closing(int fd) noexcept;
/// Something was done to the descriptor that readiness may not tell of, such as shutdown(2): every task of every runtime
/// that waits for it tries again. Any thread, after the call that did it.
void fd_changed(int fd) noexcept;

}  // namespace runtime::inline v1::io
