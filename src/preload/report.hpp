#pragma once

namespace runtime::preload {

/// RUNTIME_PRELOAD_REPORT: from now on calls are counted, and the report is written when the process exits.
void begin_report() noexcept;

}  // namespace runtime::preload
