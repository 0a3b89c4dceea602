#pragma once

#include <signal.h>

struct timespec;

namespace runtime::preload {

/// sigtimedwait(), pause() and sigsuspend() of a fiber: results and errno as there. Cancelled: -1 with ECANCELED.
///
/// The kernel tells of pending signals by a signalfd, on which the fiber parks; of handlers that ran, ours do.
int wait_signal_parking(const sigset_t* set, siginfo_t* info, const timespec* limit) noexcept;
int pause_parking() noexcept;
int suspend_parking(const sigset_t* mask) noexcept;

}  // namespace runtime::preload
