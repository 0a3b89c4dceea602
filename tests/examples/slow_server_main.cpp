// slow_server: the server of the demo as a program of its own.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include <getopt.h>
#include <unistd.h>

#include "descriptor_limit.hpp"
#include "slow_server.hpp"
#include "text.hpp"

namespace {

using namespace examples;

constexpr const char* kUsage =
    "usage: slow_server [--port PORT] [--delay MS] [--size BYTES] [--until-eof]\n"
    "\n"
    "An HTTP server on 127.0.0.1, on the library, that lets every answer wait.\n"
    "It prints its address when it is ready.\n"
    "\n"
    "  --port PORT    default: one that is free\n"
    "  --delay MS     how long an answer waits, up to 60000 (default 100)\n"
    "  --size BYTES   how long a body is, up to 100000000 (default 4096)\n"
    "  --until-eof    end when standard input does\n"
    "  -h, --help     print this\n";

int run(int argc, char** argv) {
  static const option kLong[] = {{"port", required_argument, nullptr, 'p'}, {"delay", required_argument, nullptr, 'd'},
                                 {"size", required_argument, nullptr, 's'}, {"until-eof", no_argument, nullptr, 'e'},
                                 {"help", no_argument, nullptr, 'h'},       {nullptr, 0, nullptr, 0}};
  SlowServer::Options options;
  bool until_eof = false;
  for (int letter = 0; (letter = getopt_long(argc, argv, "h", kLong, nullptr)) != -1;) {
    switch (letter) {
      case 'p':
        options.port = static_cast<std::uint16_t>(number_for_option("--port", optarg, 0, 65'535));
        break;
      case 'd':
        options.delay = std::chrono::milliseconds(number_for_option("--delay", optarg, 0, 60'000));
        break;
      case 's':
        options.body_size = number_for_option("--size", optarg, 0, 100'000'000);
        break;
      case 'e':
        until_eof = true;
        break;
      case 'h':
        std::fputs(kUsage, stdout);
        return 0;
      default:
        throw std::invalid_argument("try --help");  // getopt_long has said what is wrong
    }
  }
  if (optind < argc)
    throw std::invalid_argument(std::string("what is \"") + printable(argv[optind]) + "\"? try --help");

  raise_descriptor_limit(10'000);  // with fewer, clients wait in the backlog
  SlowServer server(options);
  std::printf("http://127.0.0.1:%d/\n", server.port());
  std::fflush(stdout);
  if (until_eof) {
    server.serve_until_end_of(STDIN_FILENO);
  } else {
    server.serve();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "slow_server: %s\n", error.what());
    return 2;
  }
}
