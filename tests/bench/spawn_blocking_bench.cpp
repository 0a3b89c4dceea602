// Spawn_blocking round trips of an empty job, against a raw pool and an eventfd doing the same in the same process.
//
// --in_flight 1: one task makes one round trip after the other. --in_flight N: N tasks do so at once.

#include <iostream>
#include <vector>

#include <runtime/runtime.hpp>

#include "clock.hpp"
#include "options.hpp"
#include "raw_round_trips.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

void round_trips_of_one_task(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    runtime::spawn_blocking([] {}).join();
  }
}

void round_trips(std::uint64_t in_flight, std::uint64_t each) {
  std::vector<runtime::JoinHandle<void>> handles;
  handles.reserve(in_flight);
  for (std::uint64_t i = 0; i < in_flight; ++i) {
    handles.push_back(runtime::spawn_local([each] { round_trips_of_one_task(each); }));
  }
  for (runtime::JoinHandle<void>& handle : handles) {
    handle.join();
  }
}

double ours(runtime::LocalRuntime& rt, std::uint64_t in_flight, std::uint64_t each) {
  bench::WallStopwatch stopwatch;
  rt.block_on([&] {
    stopwatch.start();
    round_trips(in_flight, each);
    stopwatch.stop();
  });
  return stopwatch.nanoseconds_per(in_flight * each);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"in_flight", "1"}, {"total", "5000"}, {"threads", "4"}});
  const std::uint64_t in_flight = options.count("in_flight");
  const std::uint64_t threads = options.count("threads");
  const std::uint64_t each = options.count("total") / in_flight;
  if (each == 0) {
    std::cerr << "--total must be at least --in_flight\n";
    return 2;
  }
  runtime::LocalRuntime rt = runtime::Builder()
      .stack_size(16 * 1024).stack_guard_size(4096).max_blocking_threads(threads).build_local();
  bench::RawRoundTrips raw(threads, in_flight);
  // As for libuv, whose pool is the process's: one pool for all slices, its threads started before the first.
  ours(rt, in_flight, 10);
  raw.nanoseconds_per_job(10);
  const bench::Pair slices = bench::in_slices(
      [&] { return ours(rt, in_flight, each); },
      [&] { return raw.nanoseconds_per_job(each); });
  bench::against_floor(bench::median(slices.ours), bench::median(slices.floor), "ns/job");
  return 0;
}
