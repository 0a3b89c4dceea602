#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <runtime/runtime.hpp>

#include "clock.hpp"
#include "echo_load.hpp"
#include "echo_tasks.hpp"
#include "growth_load.hpp"
#include "memory.hpp"
#include "raw_echo.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace bench::growth {

/// Cuts what the server's thread does for its messages into slices, behind a first one that only warms up.
class EchoSlices {
 public:
  explicit EchoSlices(std::uint64_t each) : each_(each) {}

  /// All that the clients have to send; a few more than are timed, so that the last are sent by busy clients, too.
  std::uint64_t messages() const { return each_ * (kSlices + 1) + 2 * GrowthLoad::kUnderWay; }

  void operator()() {
    if (++count_ % each_ != 0) {
      return;
    }
    const std::uint64_t done = count_ / each_;
    if (done > 1 && done <= kSlices + 1) {
      stopwatch_.stop();
      slices_[done - 2] = stopwatch_.nanoseconds_per(each_) / 1000;
    }
    stopwatch_.start();
  }

  double microseconds() const {
    if (count_ != messages()) {
      throw std::runtime_error("not every message has come");
    }
    return least(slices_);
  }

 private:
  const std::uint64_t each_;
  std::uint64_t count_ = 0;
  CpuStopwatch stopwatch_;
  Slices slices_{};
};

/// Echo servers as in echo_bench.cpp. The buffer is small, so that a connection has one page of stack.
inline void echo_on(const runtime::net::TcpListener& listener, std::uint64_t connections, EchoSlices& slices) {
  const Memory before = Memory::now();
  runtime::scope([&](runtime::Scope& scope) {
    echo_in_tasks<256>(scope, listener, connections, slices);
    runtime::yield_now();  // the last of them starts
    figure("memory", grown(before.resident, Memory::now().resident) / static_cast<double>(connections), "B/connection");
  });
}

/// N connections are open, of which a few, chosen at random, have a message under way; server's processor time for each.
///
/// Not in a task: it starts its clients on processor 0 and measures on another one, if there is one.
inline void connection(runtime::LocalRuntime& rt, std::uint64_t connections, std::uint64_t total) {
  const bool two = sysconf(_SC_NPROCESSORS_ONLN) > 1;
  const auto place = [two](int processor) {
    if (two) pin_to(processor);
  };
  EchoSlices floor(total);
  {
    RawEcho server;
    place(0);
    const GrowthLoad load(server.port(), connections, floor.messages());
    place(1);
    server.serve([&floor] { floor(); });
  }
  EchoSlices ours(total);
  rt.block_on([&] {
    const auto listener = runtime::net::TcpListener::bind("127.0.0.1:0");
    place(0);
    const GrowthLoad load(listener.local_addr().port(), connections, ours.messages());
    place(1);
    runtime::spawn_local([&] { echo_on(listener, connections, ours); }).join();
  });
  figure("ours", ours.microseconds(), "us/message");
  figure("floor", floor.microseconds(), "us/message");
}

}  // namespace bench::growth
