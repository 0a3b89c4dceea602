#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include <runtime/error.hpp>

namespace runtime::inline v1::fs {

/// A path as the kernel takes it. Throws: Error invalid_argument.
inline std::string checked_path(std::string_view path) {
  if (path.find('\0') == std::string_view::npos) return std::string(path);
  throw Error(Errc::invalid_argument, "a path with a zero byte inside: the kernel would see only what is before it");
}

/// A failed call, and of what. Throws: std::system_error.
[[noreturn]] inline void throw_about(int error, const char* call, const std::string& path) {
  throw std::system_error(error, std::system_category(), call + (' ' + path));
}

}  // namespace runtime::inline v1::fs
