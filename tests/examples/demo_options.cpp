#include "demo_options.hpp"

#include <stdexcept>

#include <getopt.h>

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
  static const option kLong[] = {{"downloads", required_argument, nullptr, 'n'},
                                 {"size", required_argument, nullptr, 's'},
                                 {"server", required_argument, nullptr, 'u'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {nullptr, 0, nullptr, 0}};
  DemoOptions options;
  for (int letter = 0; (letter = getopt_long(argc, argv, "n:h", kLong, nullptr)) != -1;) {
    switch (letter) {
      case 'n':
        options.downloads = number_for_option("-n", optarg, 1, 10'000);
        break;
      case 's':
        options.body_size = number_for_option("--size", optarg, 0, 1'000'000);
        break;
      case 'u':
        options.server = optarg;
        break;
      case 'h':
        options.help = true;
        break;
      default:
        throw std::invalid_argument("try --help");  // getopt_long has said what is wrong
    }
  }
  if (optind < argc) throw std::invalid_argument("what is " + quoted(argv[optind]) + "? try --help");
  return options;
}

}  // namespace examples
