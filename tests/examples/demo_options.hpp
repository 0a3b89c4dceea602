#pragma once

#include <cstddef>
#include <string>

namespace examples {

/// What the command line of demo says.
struct DemoOptions {
  std::size_t downloads = 1000;
  std::size_t body_size = 4096;
  std::string server;  // empty: one of our own
};

/// What --help prints.
extern const char* const kDemoUsage;

/// Throws: std::invalid_argument with a sentence for the user.
DemoOptions parse_demo_options(int argc, char** argv);

}  // namespace examples
