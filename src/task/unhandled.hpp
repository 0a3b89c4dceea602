#pragma once

#include "task/task.hpp"

namespace runtime::inline v1::task {

/// Writes one text to stderr: which task, and what its exception says. Any thread.
void report_unhandled_exception(Task& task) noexcept;

}  // namespace runtime::inline v1::task
