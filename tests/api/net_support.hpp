#pragma once

// What the tests of runtime::net and runtime::io share: a pair of connected streams, and who waits where.

#include <cstddef>
#include <string>
#include <utility>

#include "support.hpp"

namespace net_test {

using namespace api_test;
namespace net = runtime::net;
namespace io = runtime::io;

struct Connection {
  net::TcpStream client, server;
};

/// On a fiber or on a plain thread.
inline Connection connect() {
  const auto listener = net::TcpListener::bind("127.0.0.1:0");
  auto client = net::TcpStream::connect(listener.local_addr());
  return {std::move(client), listener.accept().first};
}

template <class Stream>
std::string read_some(const Stream& stream, std::size_t most = 64) {
  std::string bytes(most, '\0');
  bytes.resize(stream.read(bytes.data(), most));
  return bytes;
}

/// Until there is no room for one more byte.
template <class Stream>
void fill(const Stream& stream) {
  const std::string much(64 * 1024, 'f');
  for (const std::size_t size : {much.size(), std::size_t{1}}) {
    while (::write(stream.fd(), much.data(), size) > 0) {
    }
  }
}

/// Runs f as a task, as far as it gets by itself.
template <class F>
auto start(F f) {
  auto handle = runtime::spawn_local(std::move(f));
  settle();
  return handle;
}

}  // namespace net_test
