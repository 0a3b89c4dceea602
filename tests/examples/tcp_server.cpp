#include "tcp_server.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

namespace examples {

namespace {

namespace net = runtime::net;
namespace sync = runtime::sync;

// The process or the machine has no descriptor or memory just now; the connection waits until there is.
bool is_passing(const std::error_code& code) {
  return code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
         code == std::errc::no_buffer_space || code == std::errc::not_enough_memory;
}

// The next connection, however long that takes.
std::pair<net::TcpStream, net::SocketAddr> accept(const net::TcpListener& listener) {
  bool reported = false;
  for (;;) {
    try {
      return listener.accept();
    } catch (const std::system_error& error) {
      if (!is_passing(error.code())) throw;
      // accept() itself pauses after such an error, so trying again does not keep the thread busy.
      if (!std::exchange(reported, true)) std::fprintf(stderr, "cannot take a connection yet: %s\n", error.what());
    }
  }
}

}  // namespace

void serve_until_ctrl_c(const std::string& address, std::size_t most,
                        const std::function<void(net::TcpStream&, const std::string& peer)>& serve) {
  sync::Semaphore places(most);
  // From here on Ctrl-C is ours, so that one that comes as soon as the address is printed is not missed.
  runtime::signal::Signal interrupt(SIGINT);

  // The connections are children of this scope: it returns when all of them have ended.
  runtime::scope([&](runtime::Scope& connections) {
    connections.spawn([&] {
      interrupt.recv();
      connections.cancel();
    });
    const auto listener = net::TcpListener::bind(address);
    std::printf("listening on %s\n", listener.local_addr().to_string().c_str());
    std::fflush(stdout);
    for (;;) {
      auto place = places.acquire();
      auto [stream, peer] = accept(listener);
      connections.spawn([&serve, place = std::move(place), stream = std::move(stream), peer = peer]() mutable {
        serve(stream, peer.to_string());
      });
    }
  });
}

}  // namespace examples
