#pragma once

#include <sys/wait.h>

#include <optional>

namespace runtime {
inline namespace v1 {
namespace process {

/// How a process ended: with an exit code, or by a signal. A value.
class ExitStatus final {
 public:
  /// A status as waitpid(2) gives it.
  explicit ExitStatus(int wait_status) noexcept : status_(wait_status) {}

  /// It ended by itself, with code 0.
  bool success() const noexcept { return WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }
  /// 0 to 255; nullopt: a signal ended it.
  std::optional<int> code() const noexcept {
    return WIFEXITED(status_) ? std::optional<int>(WEXITSTATUS(status_)) : std::nullopt;
  }
  /// The number of the signal that ended it; nullopt: it ended by itself.
  std::optional<int> signal() const noexcept {
    return WIFSIGNALED(status_) ? std::optional<int>(WTERMSIG(status_)) : std::nullopt;
  }
  bool core_dumped() const noexcept { return WIFSIGNALED(status_) && WCOREDUMP(status_); }
  /// For the macros of <sys/wait.h>.
  int wait_status() const noexcept { return status_; }

  friend bool operator==(const ExitStatus& a, const ExitStatus& b) noexcept { return a.status_ == b.status_; }
  friend bool operator!=(const ExitStatus& a, const ExitStatus& b) noexcept { return a.status_ != b.status_; }

 private:
  int status_;
};

}  // namespace process
}  // namespace v1
}  // namespace runtime
