#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

#include <runtime/export.hpp>
#include <runtime/process/child.hpp>

namespace runtime {
inline namespace v1 {
namespace process {

/// What a standard stream of a child is.
enum class Stdio : std::uint8_t {
  inherit,  // ours
  null,     // /dev/null
  piped,    // a pipe, whose other end the Child has
};

/// How to start a process. Every setter returns the command itself; spawn() may be called again.
///
/// The child gets no descriptor of this library's, and none of the program's that is O_CLOEXEC. No signal is blocked in
/// it, and SIGPIPE does in it what it does by default. Strings with a zero byte inside throw Error invalid_argument.
/// Movable, not copyable. What one that was moved from is asked for is Error invalid_argument.
/// Thread safety: one thread at a time.
class RUNTIME_API Command final {
 public:
  /// A program without a slash is looked for in PATH: that of the child, if env("PATH", …) sets one, or else ours.
  explicit Command(std::string_view program);
  Command(Command&&) noexcept;
  Command& operator=(Command&&) noexcept;
  ~Command();

  /// One more argument, or several, as they are: no shell looks at them.
  Command& arg(std::string_view argument);
  Command& args(std::initializer_list<std::string_view> arguments) {
    for (const std::string_view argument : arguments) arg(argument);
    return *this;
  }
  /// Any range of strings.
  template <class Range>
  Command& args(const Range& arguments) {
    for (const auto& argument : arguments) arg(argument);
    return *this;
  }

  /// A variable beside those it inherits, or instead of one. Throws: Error invalid_argument for a name that is empty or
  /// has a `=`.
  Command& env(std::string_view name, std::string_view value);
  /// It does not inherit this one.
  Command& env_remove(std::string_view name);
  /// It inherits none; forgets what env() has said until now.
  Command& env_clear();
  /// Where it starts. A program with a slash that is not absolute is looked for from there.
  Command& current_dir(std::string_view path);

  /// Stdio::inherit until said otherwise.
  Command& stdin_mode(Stdio mode);
  Command& stdout_mode(Stdio mode);
  Command& stderr_mode(Stdio mode);
  /// SIGKILL for the process when its Child goes before it has ended. False until said otherwise.
  Command& kill_on_drop(bool kill);

  /// Starts the process. Returns when the new program has taken over; this holds up the thread as long as the kernel
  /// needs for it.
  ///
  /// Throws: std::system_error naming posix_spawn and the program when it cannot be executed, or the directory cannot
  /// be entered; pipe2, pidfd_open when descriptors are short, and then no process is left.
  Child spawn();

 private:
  class RUNTIME_LOCAL Impl;
  std::unique_ptr<Impl> impl_;  // never null but after a move
};

}  // namespace process
}  // namespace v1
}  // namespace runtime
