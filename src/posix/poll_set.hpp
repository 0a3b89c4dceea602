#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "io/wait.hpp"
#include "posix/signal_mask.hpp"

namespace runtime::inline v1::posix {

/// One look with poll(2), which no signal ends.
int look_at(pollfd* fds, nfds_t count) noexcept;

/// What one poll() or select() waits for, in the form the driver takes it.
///
/// Thread safety: the fiber's own. Borrows: the list and the mask. Owns: an epoll descriptor, if the list needs one.
class PollSet final {
 public:
  enum class For : std::uint8_t {
    poll,
    select,  // errors and hang-ups alone may be no answer, and must not wake us again and again
  };
  PollSet(pollfd* fds, nfds_t count, SignalMask& mask, For whom) noexcept
      : fds_(fds), count_(count), mask_(mask), whom_(whom) {}

  /// False: no memory.
  bool fill() noexcept;
  /// Parks until there is something to look at; that may be spurious. Delivers signals.
  io::WaitEnd wait(base::Nanos deadline) noexcept;
  /// Somebody has closed one of the descriptors on purpose.
  bool has_closed() const noexcept;
  /// As look_at(), with POLLNVAL for what was closed meanwhile: its number may be another file's by now.
  int look_again() noexcept;

 private:
  static constexpr base::Nanos kLookAgain = 10'000'000;
  static constexpr std::size_t kFew = 16;

  bool needs_epoll(short events) const noexcept;
  bool add_to_epoll(nfds_t index) noexcept;
  void drain_epoll() noexcept;
  void push(int fd, std::uint8_t interest) noexcept { waits_[size_++] = io::FdWait{fd, interest, 0, false}; }

  pollfd* const fds_;
  const nfds_t count_;
  SignalMask& mask_;
  const For whom_;
  io::FdWait few_[kFew];
  std::unique_ptr<io::FdWait[]> many_;
  io::FdWait* waits_ = few_;  // in the order of fds_, without negative ones; then the epoll descriptor, the signalfd
  std::size_t size_ = 0;
  base::UniqueFd epoll_;
  bool looks_again_ = false;  // epoll or signalfd could not take all: look every kLookAgain
};

/// poll(2) on a fiber; limit: kForever for none, 0 to look only.
int poll_parking(pollfd* fds, nfds_t count, base::Nanos limit, const sigset_t* mask) noexcept;

}  // namespace runtime::inline v1::posix
