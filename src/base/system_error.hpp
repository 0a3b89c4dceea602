#pragma once

#include <cerrno>
#include <system_error>

namespace runtime::inline v1::base {

/// Throws std::system_error for an errno value, with the name of the call that failed.
[[noreturn]] inline void throw_errno(int error, const char* what) {
  throw std::system_error(error, std::system_category(), what);
}

/// Keeps errno as the caller left it: for calls inside that may set it although nothing failed for the caller.
class ErrnoKeeper final {
 public:
  ErrnoKeeper() noexcept : saved_(errno) {}
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;
  ~ErrnoKeeper() { errno = saved_; }

 private:
  int saved_;
};

}  // namespace runtime::inline v1::base
