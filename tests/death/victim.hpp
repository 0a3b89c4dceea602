#pragma once

// What the victims share: a way to choose how to die.

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>

namespace death_test {

struct Mode {
  const char* name;
  void (*die)();
};

/// 0: it survived, which the test does not expect.
template <std::size_t N>
int choose(const Mode (&modes)[N], int argc, char** argv) {
  for (const Mode& mode : modes) {
    if (argc == 2 && std::strcmp(mode.name, argv[1]) == 0) {
      mode.die();
      return 0;
    }
  }
  std::fputs("no such way to die\n", stderr);
  return 126;
}

/// Async-signal-safe.
inline void say(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) ::_exit(125);
}

}  // namespace death_test
