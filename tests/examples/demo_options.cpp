#include "demo_options.hpp"

#include "command_line.hpp"
#include "text.hpp"

namespace examples {

const char* const kDemoUsage =
    "usage: demo [-n DOWNLOADS] [--size BYTES] [--server http://HOST:PORT]\n"
    "\n"
    "Downloads from a server whose answers take 100 ms: one after the other, on\n"
    "threads, and on fibers of one thread; prints wall time, threads and memory.\n"
    "\n"
    "  -n, --downloads N   how many, from 1 to 10000 (default 1000)\n"
    "  --size BYTES        how long a body is, up to 1000000 (default 4096)\n"
    "  --server URL        a slow_server that runs already, with bodies of that size\n"
    "                      (default: one in a process of its own)\n"
    "  -h, --help          print this\n"
    "\n"
    "Exit status: 0 if every download succeeded and had the right content, 1 if not,\n"
    "2 if there was nothing to begin with.\n";

DemoOptions parse_demo_options(int argc, char** argv) {
  DemoOptions options;
  expect_no_words(read_command_line(argc, argv,
      {{"downloads", 'n', [&](const char* text) { options.downloads = number_for_option("-n", text, 1, 10'000); }},
       {"size", 0, [&](const char* text) { options.body_size = number_for_option("--size", text, 0, 1'000'000); }},
       {"server", 0, [&](const char* text) { options.server = text; }}}));
  return options;
}

}  // namespace examples
