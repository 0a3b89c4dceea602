#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include <runtime/export.hpp>
#include <runtime/io/pipe.hpp>
#include <runtime/process/exit_status.hpp>

namespace runtime {
inline namespace v1 {
namespace process {

/// A process that Command::spawn() has started, and our ends of its pipes.
///
/// It belongs to no runtime: wait() parks a fiber of any, and blocks a plain thread. When it goes and the process does
/// not, the process goes on (unless kill_on_drop(true) was said) and is reaped when it ends, so that no zombie is left.
/// No handler of SIGCHLD is used, and the program may have its own, as long as that waits for processes of its own
/// only; with SIGCHLD ignored the kernel keeps no exit status, and wait() says ECHILD.
///
/// Movable, not copyable. What one that was moved from is asked for is Error invalid_argument; it has no id().
/// Thread safety: one thread at a time; fibers of one thread may wait and use each of the pipes at once. Fibers that
/// wait when it is destroyed end with EBADF; to destroy it while a plain thread waits is misuse: nothing wakes that
/// thread, and it goes on in an object that is gone.
/// Owns: the pipes; the right to reap the process. See: pidfd_open(2), Linux 5.4.
class RUNTIME_API Child final {
 public:
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();

  /// Closes our end of its stdin, so that it does not wait for more, then waits until it has ended. Later calls return
  /// the same status at once. What it writes into pipes that nobody reads keeps it from ending.
  ///
  /// Parks: until it has ended. Cancellation: the process goes on, and can be waited for again.
  /// Throws: std::system_error; Error io_disabled; Cancelled.
  ExitStatus wait() { return ExitStatus(wait_raw()); }
  /// nullopt: it has not ended yet. Throws: std::system_error.
  std::optional<ExitStatus> try_wait() {
    int wait_status = 0;
    return try_wait_raw(wait_status) ? std::optional<ExitStatus>(ExitStatus(wait_status)) : std::nullopt;
  }

  /// start_kill(), then wait().
  void kill();
  /// Sends SIGKILL, and does not wait. Does nothing to a process that has ended. Throws: std::system_error.
  void start_kill();

  /// nullopt: it has ended and was waited for, so the number may be another's; or this was moved from.
  std::optional<pid_t> id() const noexcept {
    const pid_t pid = pid_or_zero();
    return pid != 0 ? std::optional<pid_t>(pid) : std::nullopt;
  }

  /// Our end of a pipe; may be moved out. A closed one if the stream is not Stdio::piped.
  /// Throws: Error invalid_argument when this was moved from.
  io::PipeWriter& stdin_pipe();
  io::PipeReader& stdout_pipe();
  io::PipeReader& stderr_pipe();
  /// It reads the end of its input. Does nothing if it is not piped or closed already, or this was moved from.
  void close_stdin() noexcept {
    if (impl_ != nullptr) stdin_pipe().close();
  }

 private:
  friend class Command;
  class RUNTIME_LOCAL Impl;
  explicit Child(std::unique_ptr<Impl> impl) noexcept;

  int wait_raw();
  bool try_wait_raw(int& wait_status);
  pid_t pid_or_zero() const noexcept;

  std::unique_ptr<Impl> impl_;  // never null but after a move
};

}  // namespace process
}  // namespace v1
}  // namespace runtime
