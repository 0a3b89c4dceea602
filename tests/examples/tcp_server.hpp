#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <runtime/runtime.hpp>

namespace examples {

/// Listens on "host:port", says on standard output where, and serves each connection in a task of its own until Ctrl-C.
///
/// At most `most` connections are served at a time; more wait in the kernel's queue. On Ctrl-C the listener is closed and
/// every task is cancelled; when this returns, all have ended. `serve` must let nothing out but Cancelled: an exception
/// ends the server.
/// Throws: std::system_error, runtime::Error when it cannot listen; what `serve` throws.
void serve_until_ctrl_c(const std::string& address, std::size_t most,
                        const std::function<void(runtime::net::TcpStream&, const std::string& peer)>& serve);

}  // namespace examples
