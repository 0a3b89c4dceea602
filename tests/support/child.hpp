#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <exception>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

namespace test {

/// How a child process ended, and what it wrote to stderr.
struct ChildEnd {
  int signal = 0;   // 0: it has exited by itself
  int status = -1;  // then: with this
  std::string text;

  bool says(const std::string& words) const { return text.find(words) != std::string::npos; }
};

inline std::ostream& operator<<(std::ostream& out, const ChildEnd& end) {
  return out << "signal " << end.signal << ", status " << end.status << ", text: " << end.text;
}

/// Writes to stderr, for the test outside to find.
inline void say(const std::string& words) {
  const std::string line = words + "\n";
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) ::_exit(97);
}

/// Runs f in a child of its own, where it may die and where limits may be set. It exits with 0 when f returns, with 96
/// when f throws, and is killed when it takes too long. A sanitizer's handler of SIGSEGV is taken off first.
template <class F>
ChildEnd in_child(F f) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGALRM}) std::signal(signal, SIG_DFL);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::alarm(60);
    try {
      f();
    } catch (const std::exception& exception) {
      say(std::string("thrown: ") + exception.what());
      ::_exit(96);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  ChildEnd end;
  char bytes[4096];
  for (ssize_t n; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;) end.text.append(bytes, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  return end;
}

/// From now on this process, a child, can map only so many bytes more.
inline void limit_address_space(std::size_t more) {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlimit limit{pages * 4096 + more, pages * 4096 + more};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(95);
}

}  // namespace test
