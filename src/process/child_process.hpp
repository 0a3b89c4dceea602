#pragma once

#include <sys/types.h>

#include <utility>

#include "base/unique_fd.hpp"

namespace runtime::inline v1::process {

/// A process that we have to reap, by its pidfd: a number that is reused for another process is never taken for it, and
/// nobody needs SIGCHLD. See: pidfd_open(2), waitid(2), since Linux 5.4.
///
/// Thread safety: one thread at a time. Owns: the right to reap.
class ChildProcess final {
 public:
  ChildProcess() noexcept = default;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Takes charge of a child that has just been started. 0, or the errno of pidfd_open(2): then it has been killed,
  /// since nobody could wait for it.
  int take(pid_t pid) noexcept;

  /// 0: it has ended, and is reaped; wait_status() says how. EAGAIN: it runs. ECHILD: its status is lost, because
  /// SIGCHLD is ignored or somebody else has reaped it.
  int reap() noexcept { return reap(false); }
  /// The same, blocking the thread while it runs.
  int reap_blocking() noexcept { return reap(true); }
  /// Does nothing to one that has ended. 0 or errno.
  int kill(int signal) noexcept;

  pid_t pid() const noexcept { return pid_; }
  /// Readable when it has ended. -1: it was reaped by somebody else before we had one.
  int pidfd() const noexcept { return pidfd_.get(); }
  /// Nothing is left to be reaped.
  bool is_gone() const noexcept { return gone_; }
  int wait_status() const noexcept { return wait_status_; }

  ChildProcess* previous = nullptr;  // links of the orphans, guarded by their lock
  ChildProcess* next = nullptr;

 private:
  int reap(bool blocks) noexcept;

  pid_t pid_ = 0;
  base::UniqueFd pidfd_;
  bool gone_ = true;  // until one is taken
  bool lost_ = false;
  int wait_status_ = 0;  // as waitpid(2) gives it
};

}  // namespace runtime::inline v1::process
