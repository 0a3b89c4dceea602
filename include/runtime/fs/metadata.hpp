#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <string_view>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace fs {

/// What the file system knows of a file. A value.
class Metadata final {
 public:
  explicit Metadata(const struct stat& status) noexcept
      : len_(static_cast<std::uint64_t>(status.st_size)),
        modified_(std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec)),
        mode_(status.st_mode) {}

  /// Bytes.
  std::uint64_t len() const noexcept { return len_; }
  bool is_file() const noexcept { return S_ISREG(mode_); }
  bool is_dir() const noexcept { return S_ISDIR(mode_); }
  bool is_symlink() const noexcept { return S_ISLNK(mode_); }
  /// The bits of chmod(2).
  std::uint32_t permissions() const noexcept { return mode_ & 07777u; }
  std::chrono::system_clock::time_point modified() const noexcept {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(modified_));
  }

 private:
  std::uint64_t len_;
  std::chrono::nanoseconds modified_;  // since 1970
  std::uint32_t mode_;
};

namespace detail {

RUNTIME_API void read_metadata(std::string_view path, struct stat& status);

}  // namespace detail

/// Of what the path leads to, through symbolic links. Parks: for the disk. Throws: std::system_error; Error shut_down;
/// Cancelled.
inline Metadata metadata(std::string_view path) {
  struct stat status;
  detail::read_metadata(path, status);
  return Metadata(status);
}

}  // namespace fs
}  // namespace v1
}  // namespace runtime
