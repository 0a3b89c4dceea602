#pragma once

#include <sys/types.h>

#include <spawn.h>

namespace runtime::preload {

/// Starts `sh -c command`, in today's environment. 0, or an error number. The thread that starts a process stands still
/// until the process runs its program: a pool thread, while the fiber parks.
///
/// `attributes` have to say the signal mask: that of a pool thread is not the caller's.
int start_shell(pid_t* child, const char* command, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes) noexcept;

}  // namespace runtime::preload
