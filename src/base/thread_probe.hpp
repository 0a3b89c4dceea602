#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace runtime::inline v1::base {

/// Looks at what another thread of this process is doing at this moment: interrupts it with a signal, and reads its call
/// stack there.
///
/// The signal is SIGURG, which by default does nothing and which hardly any program uses; it carries a code of our own,
/// and all others go on to the handler that the program had. The handler runs on the alternate signal stack, if the
/// thread has one. A system call that the thread is in is begun again where the kernel does so (SA_RESTART, signal(7));
/// poll(), nanosleep() and a few others end with EINTR.
struct ThreadProbe {
  static constexpr std::size_t kMaxFrames = 64;

  /// Called on the interrupted thread, in the handler. Async-signal-safe.
  using Note = void (*)(void* context) noexcept;

  std::array<std::uintptr_t, kMaxFrames> frames;  // the interrupted instruction, then return addresses
  std::size_t count = 0;

  /// Puts our handler in front of the program's, once: one that the program sets up later stays in front of ours (which
  /// may be the one that it chains to). Throws: std::system_error. Any thread.
  static void prepare();
  /// False: the thread did not answer in time (it has the signal blocked, the kernel does not let go of it, or a handler
  /// set up later took it), or it is no thread of this process; then `note` was not called and never will be.
  /// Any thread but `thread` itself; several wait for one another.
  bool take(pid_t thread, Note note, void* context, Nanos limit) noexcept;
};

}  // namespace runtime::inline v1::base
