#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "fs/on_pool.hpp"

// What calls on the pool have in common; each gives 0 or an errno.

namespace runtime::inline v1::fs {

/// Opens a path; O_CLOEXEC.
inline int open_into(int& fd, const char* path, int flags, unsigned mode) noexcept {
  fd = uninterrupted([=] { return ::open(path, flags | O_CLOEXEC, mode); });
  return fd < 0 ? errno : 0;
}

inline int write_whole(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted([=] { return ::write(fd, bytes.data(), bytes.size()); });
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace runtime::inline v1::fs
