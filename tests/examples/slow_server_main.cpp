// slow_server: the server of the demo as a program of its own.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include <unistd.h>

#include "command_line.hpp"
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
  SlowServer::Options options;
  bool until_eof = false;
  const auto set_port = [&](const char* text) {
    options.port = static_cast<std::uint16_t>(number_for_option("--port", text, 0, 65'535));
  };
  const auto set_delay = [&](const char* text) {
    options.delay = std::chrono::milliseconds(number_for_option("--delay", text, 0, 60'000));
  };
  expect_no_words(read_command_line(argc, argv,
      {{"port", 0, set_port},
       {"delay", 0, set_delay},
       {"size", 0, [&](const char* text) { options.body_size = number_for_option("--size", text, 0, 100'000'000); }},
       {"until-eof", 0, [&](const char*) { until_eof = true; }, Option::Argument::none}}));

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

int main(int argc, char** argv) { return examples::run_program("slow_server", kUsage, run, argc, argv); }
