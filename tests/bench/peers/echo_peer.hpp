#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "echo_load.hpp"
#include "echo_timed.hpp"
#include "listen_on_loopback.hpp"
#include "options.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace bench {

/// What an echo server does on one connection, until its end; the calls are as read(2) and write(2).
template <class Timed, class Read, class Write>
void echo_messages(Timed& timed, Read read, Write write) {
  char buffer[4096];
  ssize_t got;
  while ((got = read(buffer, sizeof buffer)) > 0) {
    if (write(buffer, static_cast<std::size_t>(got)) != got) throw_errno("the write of an echo");
    timed();
  }
}

/// A thread for each connection, of a library whose threads stay on one of the system's. `accept()` makes a Connection,
/// `spawn(connection)` the thread that serves it, which has a join().
template <class Connection, class Accept, class Spawn>
void serve_in_threads(std::uint64_t connections, Accept accept, Spawn spawn) {
  std::vector<Connection> all;
  all.reserve(connections);  // they stay where they are
  std::vector<decltype(spawn(all.front()))> threads;
  for (std::uint64_t i = 0; i < connections; ++i) {
    threads.push_back(spawn(all.emplace_back(accept())));
  }
  for (auto& thread : threads) thread.join();
}

/// Prints what an echo server's processor time is for a message. `serve(listening, connections, timed)` serves so many
/// connections until all have gone, tells `timed` of each message, and closes the listening socket. No more than
/// `most_messages` are timed: the figure is for one, and some servers would take minutes.
///
/// Call it before the program has other threads: the clients are a fork of it, on the first processor.
template <class Clock, class Serve>
void echo_figure(const Options& options, int listening_flags, Serve serve, std::uint64_t most_messages = 1'000'000) {
  const EchoCounts counts(options.count("connections"), std::min(options.count("total"), most_messages));
  if (!allow_connections(counts.connections)) {
    unable("so many descriptors are not allowed here (ulimit -n)");
  }
  const bool several = sysconf(_SC_NPROCESSORS_ONLN) > 1;
  if (several) pin_to(0);
  // Never destroyed: some servers end by _exit, and a client without orders ends with its server.
  static EchoLoad* const load = new EchoLoad;
  if (several) pin_to(1);
  const auto slice = [&] {
    EchoTimed<Clock> timed(counts);
    const Listening listening = listen_on_loopback(listening_flags);
    load->start(listening.port, counts.connections, counts.sent());
    serve(listening.fd, counts.connections, timed);
    return timed.microseconds();
  };
  figure("peer", least(in_slices(slice)), "us/message");
}

}  // namespace bench
