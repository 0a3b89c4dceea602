#pragma once

#include "task/task.hpp"

namespace runtime::inline v1::detail {

/// The task or root that calls. Throws: Error no_runtime on threads that run no fiber, naming the call.
task::Task& fiber_of_caller(const char* what);

}  // namespace runtime::inline v1::detail
