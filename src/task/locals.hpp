#pragma once

#include <runtime/detail/locals.hpp>

#include "task/task.hpp"

namespace runtime::inline v1::task {

/// Where the code that runs now keeps its values of FiberLocal: its fiber, or outside of fibers its thread.
detail::LocalValue*& local_values() noexcept;
/// Where it keeps its bindings of TaskLocal, the innermost first.
detail::Binding*& bindings() noexcept;

/// Destroys a fiber's values, the youngest first, on that fiber: their destructors may wait, and may make new ones.
void destroy_local_values(fiber::Fiber& fiber) noexcept;

}  // namespace runtime::inline v1::task
