#include "server_process.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slow_server.hpp"
#include "throw_errno.hpp"

namespace examples {

namespace {

[[noreturn]] void be_the_server(std::size_t body_size, int control, int port_to) {
  try {
    SlowServer::Options options;
    options.body_size = body_size;
    SlowServer server(options);
    const std::uint16_t port = server.port();
    if (::write(port_to, &port, sizeof port) != static_cast<ssize_t>(sizeof port)) throw_errno("write");
    ::close(port_to);
    server.serve_until_end_of(control);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "slow_server: %s\n", error.what());
    std::exit(1);
  }
  std::exit(0);
}

}  // namespace

ServerProcess::ServerProcess(std::size_t body_size) {
  int control[2];
  int port[2];
  if (::pipe2(control, O_CLOEXEC) != 0 || ::pipe2(port, O_CLOEXEC) != 0) throw_errno("pipe2");
  std::fflush(nullptr);  // or the child would print the buffered text once more
  child_ = ::fork();
  if (child_ < 0) throw_errno("fork");
  if (child_ == 0) {
    ::close(control[1]);  // or the pipe would never end for the server
    ::close(port[0]);
    be_the_server(body_size, control[0], port[1]);
  }
  ::close(control[0]);
  ::close(port[1]);
  control_ = control[1];
  const ssize_t received = ::read(port[0], &port_, sizeof port_);
  ::close(port[0]);
  if (received == static_cast<ssize_t>(sizeof port_)) return;
  end();
  throw std::runtime_error("the server did not come up");
}

ServerProcess::~ServerProcess() { end(); }

void ServerProcess::end() noexcept {
  ::close(control_);
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) std::fprintf(stderr, "demo: the server process ended with status %d\n", status);
}

}  // namespace examples
