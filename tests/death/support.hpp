#pragma once

// Starts a program that is expected to die, and says how it did.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

namespace death_test {

struct Death {
  int signal = 0;     // that killed it; 0: it ended by itself
  int exit_code = -1;  // if it ended by itself
  std::string text;   // what it wrote to stderr

  bool says(const std::string& words) const { return text.find(words) != std::string::npos; }
};

/// Runs the victim named by the environment variable RUNTIME_VICTIM, with one argument.
inline Death die(const char* mode) {
  const char* victim = std::getenv("RUNTIME_VICTIM");
  REQUIRE_MESSAGE(victim != nullptr, "RUNTIME_VICTIM has to name the program that dies");
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    // Sanitizers would turn a fault into a report and an exit of their own.
    ::setenv("ASAN_OPTIONS", "handle_segv=0:handle_abort=0:detect_leaks=0", 1);
    ::setenv("TSAN_OPTIONS", "handle_segv=0:handle_abort=0", 1);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::alarm(30);  // a victim that does not die is killed by this
    ::dup2(::fileno(file), STDERR_FILENO);
    ::execl(victim, victim, mode, static_cast<char*>(nullptr));
    ::_exit(127);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  Death death;
  if (WIFSIGNALED(status)) death.signal = WTERMSIG(status);
  if (WIFEXITED(status)) death.exit_code = WEXITSTATUS(status);
  death.text.resize(static_cast<std::size_t>(::lseek(::fileno(file), 0, SEEK_END)));
  const ssize_t n = ::pread(::fileno(file), death.text.data(), death.text.size(), 0);
  CHECK(n == static_cast<ssize_t>(death.text.size()));
  std::fclose(file);
  INFO(mode << " wrote: " << death.text);
  CHECK(death.exit_code != 127);
  CHECK(death.signal != SIGALRM);
  return death;
}

}  // namespace death_test
