#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "process/environment.hpp"

namespace runtime::inline v1::process {

/// A program to execute.
struct Program {
  std::string name;
  std::vector<std::string> arguments;
  Environment environment;
  std::string directory;  // empty: ours
};

/// What becomes descriptor 0, 1 or 2 of a child.
struct StreamSource {
  bool is_null = false;  // /dev/null
  base::UniqueFd fd;     // none: ours stays. Not 0, 1 or 2
};

/// Starts a process with these three streams; its id. Throws: std::system_error that names posix_spawn and the program.
pid_t launch(const Program& program, const StreamSource (&streams)[3]);

}  // namespace runtime::inline v1::process
