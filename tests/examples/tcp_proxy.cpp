// tcp_proxy: passes TCP connections on to another address, in both directions at once.
//
//     tcp_proxy --listen 127.0.0.1:8080 example.org:80

#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include <getopt.h>

#include <runtime/runtime.hpp>

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
  static const option kLong[] = {{"listen", required_argument, nullptr, 'l'},
                                 {"most", required_argument, nullptr, 'm'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {nullptr, 0, nullptr, 0}};
  std::string listen = "127.0.0.1:0";
  std::size_t most = 1000;
  for (int letter = 0; (letter = getopt_long(argc, argv, "h", kLong, nullptr)) != -1;) {
    switch (letter) {
      case 'l':
        listen = optarg;
        break;
      case 'm':
        most = examples::number_for_option("--most", optarg, 1, 1'000'000);
        break;
      case 'h':
        std::fputs(kUsage, stdout);
        return 0;
      default:
        throw std::invalid_argument("try --help");  // getopt_long has said what is wrong
    }
  }
  if (argc - optind != 1) throw std::invalid_argument("one TARGET:PORT, please; try --help");
  const std::string target = argv[optind];

  runtime::run([&] {
    examples::serve_until_ctrl_c(
        listen, most, [&target](net::TcpStream& client, const std::string& peer) { pass_on(client, peer, target); });
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcp_proxy: %s\n", error.what());
    return 2;
  }
}
