#pragma once

#include <cstddef>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// Throws: Error unexpected_end: a stream ended after `got` of `wanted` bytes.
[[noreturn]] RUNTIME_API void throw_unexpected_end(std::size_t got, std::size_t wanted);

}  // namespace detail
}  // namespace v1
}  // namespace runtime
