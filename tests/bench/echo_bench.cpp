// A TCP echo server: processor time of its thread for each message of 64 bytes, on N connections with one message under
// way on each, against an epoll loop that does the same in the same process.
//
// The clients are a process of their own, on another processor where there is one.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "echo_load.hpp"
#include "echo_tasks.hpp"
#include "echo_timed.hpp"
#include "options.hpp"
#include "raw_echo.hpp"
#include "report.hpp"
#include "slices.hpp"

using Timed = bench::EchoTimed<bench::CpuStopwatch>;

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
                               {{"connections", "50"}, {"total", "50000"}, {"stacks", "small"}, {"of", "both"}});
  const bench::EchoCounts counts(options.count("connections"), options.count("total"));
  const std::string of = options.choice("of", {"both", "floor", "ours"});
  if (!bench::allow_connections(counts.connections)) {
    std::fprintf(stderr, "so many descriptors are not allowed here (ulimit -n)\n");
    return 77;
  }
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (processors > 1) bench::pin_to(0);
  bench::EchoLoad load;  // inherits it
  if (processors > 1) bench::pin_to(1);

  const auto ours = [&] {
    Timed timed(counts);
    runtime::LocalRuntime rt = bench::make_runtime(options);
    rt.block_on([&] {
      const auto listener = runtime::net::TcpListener::bind("127.0.0.1:0");
      load.start(listener.local_addr().port(), counts.connections, counts.sent());
      runtime::scope([&](runtime::Scope& scope) {
        bench::echo_in_tasks<4096>(scope, listener, counts.connections, timed);
      });
    });
    return timed.microseconds();
  };
  const auto floor = [&] {
    Timed timed(counts);
    bench::RawEcho server;
    load.start(server.port(), counts.connections, counts.sent());
    server.serve([&timed] { timed(); });
    return timed.microseconds();
  };
  if (of != "both") {  // for strace and callgrind
    bench::figure(of.c_str(), of == "ours" ? ours() : floor(), "us/message");
    return 0;
  }
  const bench::Pair slices = bench::in_slices(ours, floor);
  bench::against_floor(bench::least(slices.ours), bench::least(slices.floor), "us/message");
}
