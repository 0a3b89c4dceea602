#pragma once

#include <stdio.h>
#include <sys/types.h>

#include <spawn.h>

namespace runtime::preload {

/// The streams that popen() has made, and the children at their other ends. The C library's own list knows only its
/// own.
///
/// Thread safety: any thread. Borrows: the streams.
class Children final {
 public:
  struct Child;
  static constexpr pid_t kOfLibrary = 0;  // for a stream of the C library's own popen()
  static constexpr pid_t kNone = -1;

  /// False without memory.
  static bool add(FILE* file, pid_t pid) noexcept;
  /// The child of a stream, which is forgotten with it; kNone for a stream that popen() has not made.
  static pid_t remove(FILE* file) noexcept;

  /// A new child closes what connects us with the older ones (POSIX), `kept` excepted. 0, or an error number.
  static int close_all_in(posix_spawn_file_actions_t& actions, int kept) noexcept;

  /// A child nobody waits for any more; reaped when it has ended and somebody comes by.
  static void abandon(pid_t pid) noexcept;
  static void reap_abandoned() noexcept;
};

/// pclose() of a stream of ours that has been taken from the list: the status of the child, or -1.
int close_and_wait(FILE* file, pid_t child) noexcept;

}  // namespace runtime::preload
