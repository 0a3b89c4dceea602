#pragma once

#include <signal.h>

#include "preload/call.hpp"
#include "preload/fiber_words.hpp"
#include "preload/selector.hpp"

namespace runtime::preload {

/// RUNTIME_PRELOAD=complete: from now on the bare system calls of fibers are caught, where the kernel can do that.
void begin_complete_mode() noexcept;

/// `from` stops and `to` goes on; a runtime_root_event.
void switch_selector(FiberWords& from, Selector selector_of_from, const FiberWords& to) noexcept;
void tell_root_to_selector(FiberWords& root, int event) noexcept;

/// In the child of a fork, where the kernel catches nothing.
void forget_catching() noexcept;

/// This thread's system calls are caught again, if it runs the code of a fiber. For whoever left a call of ours by a jump.
void rearm() noexcept;

/// sigaction(), as complete mode needs it: handlers return through code of ours, and nothing blocks SIGSYS.
int set_system_action(int signal, const struct sigaction* wanted, struct sigaction* before,
                      const Next<int(int, const struct sigaction*, struct sigaction*)>& next) noexcept;

}  // namespace runtime::preload
