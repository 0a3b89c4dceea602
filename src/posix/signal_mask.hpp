#pragma once

#include <csignal>

#include "base/unique_fd.hpp"

namespace runtime::inline v1::posix {

/// The signal mask that a ppoll(), pselect() or epoll_pwait() on a fiber was given.
///
/// The thread keeps its own mask while the fiber is parked, as other tasks run then. What it blocks and this mask does
/// not is watched through a signalfd, from which nothing is ever read, and delivered in between.
/// Thread safety: the fiber's own. Borrows: the mask, which may be null. Owns: the signalfd.
class SignalMask final {
 public:
  explicit SignalMask(const sigset_t* mask) noexcept : mask_(mask) {}

  /// Runs the handlers of the signals that are pending and not blocked by the mask. errno stays.
  void deliver() const noexcept;
  /// Before parking. False: there is no descriptor for it, and only looking again and again helps.
  bool watch() noexcept;
  /// After watch(): readable when deliver() has something to do; -1: it never has.
  int fd() const noexcept { return watched_.get(); }

 private:
  const sigset_t* const mask_;
  base::UniqueFd watched_;
};

}  // namespace runtime::inline v1::posix
