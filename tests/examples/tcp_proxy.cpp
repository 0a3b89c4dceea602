// tcp_proxy: passes TCP connections on to another address, in both directions at once.
//
//     tcp_proxy --listen 127.0.0.1:8080 example.org:80

#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include <runtime/runtime.hpp>

#include "command_line.hpp"
#include "tcp_server.hpp"
#include "text.hpp"

namespace {

namespace io = runtime::io;
namespace net = runtime::net;

constexpr const char* kUsage =
    "usage: tcp_proxy [--listen HOST:PORT] [--most CONNECTIONS] TARGET:PORT\n"
    "\n"
    "Passes every TCP connection on to TARGET:PORT, both ways, until Ctrl-C. An end of\n"
    "file is passed on as such, while the other direction goes on. It prints its\n"
    "address when it is ready.\n"
    "\n"
    "  --listen HOST:PORT   where to listen; port 0: one that is free\n"
    "                       (default 127.0.0.1:0)\n"
    "  --most CONNECTIONS   served at a time; more wait (default 1000)\n"
    "  -h, --help           print this\n"
    "\n"
    "Try it, each in a terminal of its own:\n"
    "  nc -l 9000\n"
    "  tcp_proxy --listen 127.0.0.1:8000 127.0.0.1:9000\n"
    "  nc 127.0.0.1 8000\n";

// One connection from its first byte to its last, whatever becomes of it.
void pass_on(const net::TcpStream& client, const std::string& peer, const std::string& target) {
  try {
    const auto server = net::TcpStream::connect(target);
    io::copy_bidirectional(client, server);
  } catch (const std::exception& error) {  // not Cancelled, which is none
    std::fprintf(stderr, "tcp_proxy: %s: %s\n", peer.c_str(), error.what());
  }
}

int run(int argc, char** argv) {
  std::string listen = "127.0.0.1:0";
  std::size_t most = 1000;
  const auto words = examples::read_command_line(argc, argv,
      {{"listen", 0, [&](const char* text) { listen = text; }},
       {"most", 0, [&](const char* text) { most = examples::number_for_option("--most", text, 1, 1'000'000); }}});
  if (words.size() != 1) throw std::invalid_argument("one TARGET:PORT, please; try --help");
  const std::string& target = words.front();

  runtime::run([&] {
    examples::serve_until_ctrl_c(
        listen, most, [&target](net::TcpStream& client, const std::string& peer) { pass_on(client, peer, target); });
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return examples::run_program("tcp_proxy", kUsage, run, argc, argv); }
