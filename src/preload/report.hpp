#pragma once

#include <atomic>
#include <cstdint>

namespace runtime::preload {

/// RUNTIME_PRELOAD_REPORT: from now on calls are counted, and the report is written when the process exits.
void begin_report() noexcept;

/// Parks of fibers that held a pthread mutex. For the report.
extern constinit std::atomic<std::uint64_t> parks_with_locks;

}  // namespace runtime::preload
