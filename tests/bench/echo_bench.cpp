// A TCP echo server: processor time of its thread for each message of 64 bytes, on N connections with one message under
// way on each, against an epoll loop that does the same in the same process.
//
// The clients are a process of their own, on another processor where there is one.

#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "echo_load.hpp"
#include "options.hpp"
#include "raw_echo.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

/// Times the messages between the first ones and the last.
class Timed {
 public:
  Timed(std::uint64_t warm_up, std::uint64_t total) : warm_up_(warm_up), total_(total) {}
  void operator()() {
    ++count_;
    if (count_ == warm_up_) stopwatch_.start();
    if (count_ == warm_up_ + total_) stopwatch_.stop();
  }
  double microseconds() const { return stopwatch_.nanoseconds_per(total_) / 1000; }

 private:
  const std::uint64_t warm_up_, total_;
  std::uint64_t count_ = 0;
  bench::CpuStopwatch stopwatch_;
};

void serve(const runtime::net::TcpListener& listener, std::uint64_t connections, Timed& timed) {
  runtime::scope([&](runtime::Scope& scope) {
    for (std::uint64_t i = 0; i < connections; ++i) {
      scope.spawn([&timed, stream = listener.accept().first] {
        char buffer[4096];
        while (const std::size_t got = stream.read(buffer, sizeof buffer)) {
          stream.write_all(buffer, got);
          timed();
        }
      });
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
                               {{"connections", "50"}, {"total", "50000"}, {"stacks", "small"}, {"of", "both"}});
  const std::uint64_t connections = options.count("connections");
  const std::uint64_t total = options.count("total");
  const std::string of = options.choice("of", {"both", "floor", "ours"});
  const std::uint64_t warm_up = 2 * connections + 1000;
  // All that is sent. What comes behind the last that is timed keeps the connections as busy at the end as before.
  const std::uint64_t sent = warm_up + total + connections;
  if (!bench::allow_connections(connections)) {
    std::fprintf(stderr, "so many descriptors are not allowed here (ulimit -n)\n");
    return 77;
  }
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (processors > 1) bench::pin_to(0);
  bench::EchoLoad load;  // inherits it
  if (processors > 1) bench::pin_to(1);

  const auto ours = [&] {
    Timed timed(warm_up, total);
    runtime::LocalRuntime rt = bench::make_runtime(options);
    rt.block_on([&] {
      const auto listener = runtime::net::TcpListener::bind("127.0.0.1:0");
      load.start(listener.local_addr().port(), connections, sent);
      serve(listener, connections, timed);
    });
    return timed.microseconds();
  };
  const auto floor = [&] {
    Timed timed(warm_up, total);
    bench::RawEcho server;
    load.start(server.port(), connections, sent);
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
