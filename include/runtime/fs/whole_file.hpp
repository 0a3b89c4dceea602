#pragma once

#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace fs {
namespace detail {

/// Where read() puts a file. `resize` gives it n bytes and says where they are; null: there is no memory for them.
struct Sink {
  void* arg;
  char* (*resize)(void* arg, std::size_t n) noexcept;
};

RUNTIME_API void read_file(std::string_view path, const Sink& sink);
RUNTIME_API void write_file(std::string_view path, std::string_view bytes);

inline char* resize_string(void* arg, std::size_t n) noexcept {
  try {
    static_cast<std::string*>(arg)->resize(n);
    return static_cast<std::string*>(arg)->data();
  } catch (const std::bad_alloc&) {
    return nullptr;
  } catch (const std::length_error&) {
    return nullptr;
  }
}

}  // namespace detail

/// All of a file, in one go of the blocking pool. Parks: until it is read. Throws: std::system_error; std::bad_alloc;
/// Error shut_down; Cancelled.
inline std::string read(std::string_view path) {
  std::string bytes;
  detail::read_file(path, {&bytes, &detail::resize_string});
  return bytes;
}

/// Makes a file of these bytes, or makes them the contents of one that exists. Once begun it is done, also when the
/// runtime shuts down. Parks, Throws: as File.
inline void write(std::string_view path, std::string_view bytes) { detail::write_file(path, bytes); }

}  // namespace fs
}  // namespace v1
}  // namespace runtime
