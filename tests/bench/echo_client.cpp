// The clients of an echo server that is not ours, on the first processor:
//
//   echo_client PORT CONNECTIONS TOTAL
//
// Connects to 127.0.0.1:PORT, sends TOTAL messages in all and closes every connection. It ends with 0 when each has
// come back, and else says why not. A server starts it as its child, and has to end itself when it fails: there may
// then be fewer connections than the server waits for.

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>

#include "echo_load.hpp"

namespace {

/// A whole number from 1 to what the type holds. False: the text is none.
template <class Number>
bool read_count(const char* text, Number& number) {
  const char* const end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, number);
  return error == std::errc() && stopped == end && number > 0;
}

}  // namespace

int main(int argc, char** argv) {
  bench::EchoOrder order{};
  if (argc != 4 || !read_count(argv[1], order.port) || !read_count(argv[2], order.connections) ||
      !read_count(argv[3], order.total)) {
    std::fprintf(stderr, "usage: echo_client PORT CONNECTIONS TOTAL\n");
    return 2;
  }
  if (!bench::allow_connections(order.connections)) {
    std::fprintf(stderr, "so many descriptors are not allowed here (ulimit -n)\n");
    return 77;
  }
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) bench::pin_to(0);
  try {
    bench::run_echo_clients(order);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the clients: %s\n", error.what());
    return 1;
  }
  return 0;
}
