#pragma once

#include <memory>

#include "process/child_process.hpp"

namespace runtime::inline v1::process {

/// Takes a child that nobody waits for any more, and reaps it whenever it ends: no zombie is left, whether a runtime
/// lives on or not, and without SIGCHLD, which belongs to the program.
///
/// A thread of the process does it, which is there while there are such children and sleeps in epoll. When it cannot be
/// had (no memory, too many threads or descriptors), the child waits for the next one that is taken.
/// Thread safety: any thread.
void adopt_orphan(std::unique_ptr<ChildProcess> child) noexcept;

}  // namespace runtime::inline v1::process
