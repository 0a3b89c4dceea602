#pragma once

#include <cerrno>
#include <cstdint>

#include "base/clock.hpp"
#include "io/pauses.hpp"
#include "posix/descriptor.hpp"

namespace runtime::inline v1::posix {

/// The waiting of one POSIX-style call: asked each time the kernel has said "would block".
///
/// Costs nothing until then. At the first time it asks what the program wants (its own O_NONBLOCK, the socket's time
/// limit); the limit then holds for all waits of the call together.
/// Thread safety: the fiber's own.
class Patience final {
 public:
  /// time_limit: SO_RCVTIMEO, SO_SNDTIMEO, or kNoLimit for what is no socket. interest: driver::Interest bits.
  Patience(int fd, std::uint8_t interest, int time_limit) noexcept
      : fd_(fd), interest_(interest), time_limit_(time_limit) {}

  static constexpr int kNoLimit = -1;

  /// Parks until another try may succeed; that may be spurious. False: the call ends here, and errno says why (EAGAIN:
  /// non-blocking, or the limit is over; ECANCELED; EBADF: closed meanwhile).
  bool wait() noexcept;
  /// The same for what the kernel reports no readiness of: lets time pass, each time a little more.
  bool pause() noexcept;
  /// After a wait: nothing will ever come, as the receiving side of a socket was shut down. Such a one is "ready", and says
  /// EAGAIN all the same to a call that does not block; only a blocking one is told the end, and does not block. (Datagram
  /// sockets and Unix listeners, up to Linux 6.18 at least.)
  bool is_shut_for_receiving() const noexcept;
  /// The program has said that it does not wait here.
  bool is_refused() noexcept;
  bool is_timed_out() const noexcept { return timed_out_; }
  /// For a caller that has found out already.
  void assume_blocking() noexcept;

 private:
  void ask() noexcept;
  bool is_ready_in_vain() const noexcept;
  bool give_up(int error) noexcept;

  const int fd_;
  const std::uint8_t interest_;
  const int time_limit_;
  bool asked_ = false;
  bool has_waited_ = false;
  bool refused_ = false;
  bool timed_out_ = false;
  base::Nanos deadline_ = base::kForever;
  io::Pauses pauses_;
  FileId file_{};  // what fd_ was when the pauses began
};

/// Tries until the kernel has an answer other than "would block", parking in between. EINTR is no answer in a fiber.
template <class Try>
auto until_done(Patience& patience, Try attempt) noexcept -> decltype(attempt()) {
  for (;;) {
    const auto result = attempt();
    if (result >= 0) return result;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !patience.wait()) return -1;
  }
}

/// The same for receiving: `last` is the call that may block, for a socket on which it will not.
template <class Try, class Last>
auto until_received(Patience& patience, Try attempt, Last last) noexcept -> decltype(attempt()) {
  for (;;) {
    const auto result = attempt();
    if (result >= 0) return result;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    if (patience.is_shut_for_receiving()) return last();
    if (!patience.wait()) return -1;
  }
}

/// errno is unchanged on success, whatever was tried on the way.
class KeepErrno final {
 public:
  template <class Result>
  Result unless_failed(Result result) const noexcept {
    if (result >= 0) errno = before_;
    return result;
  }

 private:
  const int before_ = errno;
};

}  // namespace runtime::inline v1::posix
