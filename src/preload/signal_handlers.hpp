#pragma once

namespace runtime::preload {

/// Handlers of the program that have run to their end in this process so far, on all threads.
unsigned long handlers_run() noexcept;

}  // namespace runtime::preload
