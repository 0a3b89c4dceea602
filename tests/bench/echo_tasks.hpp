#pragma once

#include <cstddef>
#include <cstdint>

#include <runtime/runtime.hpp>

namespace bench {

/// Our echo server: accepts so many connections, each of which a task of the scope serves, and calls `served` after each
/// message. The buffer is on the task's stack.
template <std::size_t Buffer, class Served>
void echo_in_tasks(runtime::Scope& scope, const runtime::net::TcpListener& listener, std::uint64_t connections,
                   Served& served) {
  for (std::uint64_t i = 0; i < connections; ++i) {
    scope.spawn([&served, stream = listener.accept().first] {
      char buffer[Buffer];
      while (const std::size_t got = stream.read(buffer, sizeof buffer)) {
        stream.write_all(buffer, got);
        served();
      }
    });
  }
}

}  // namespace bench
