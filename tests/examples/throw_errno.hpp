#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace examples {

/// Throws what errno says as std::system_error; `what` is the call, or what it was for.
[[noreturn]] inline void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace examples
