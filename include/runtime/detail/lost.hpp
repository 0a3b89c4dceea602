#pragma once

#include <exception>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// An exception that nobody can receive any more, for the unhandled-exception policy of the caller's runtime. `part` names
/// what threw it, for the report. Any thread; without a runtime it is reported on stderr.
RUNTIME_API void report_lost(const char* part, const std::exception_ptr& exception) noexcept;

}  // namespace detail
}  // namespace v1
}  // namespace runtime
