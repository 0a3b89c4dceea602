#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "echo_load.hpp"
#include "echo_timed.hpp"
#include "listen_on_loopback.hpp"
#include "options.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace bench {

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
