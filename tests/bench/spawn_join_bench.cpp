// Spawn an empty task and join it, one at a time, against the raw switch.
//
// With --count K nothing is timed and exactly K tasks are made (or K raw switches with --of floor), for an
// instruction counter.

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

void spawn_and_join(std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    runtime::spawn_local([] {}).join();
  }
}

/// Runs `f` as a task or as the root of block_on: joining is the same call for both, but the root waits on the
/// caller's own stack, with the loop above it, and a task is what a program mostly joins from.
template <class F>
void run_from(const std::string& where, runtime::LocalRuntime& rt, F f) {
  if (where == "root") {
    rt.block_on(f);
  } else {
    rt.block_on([&f] { runtime::spawn_local(f).join(); });
  }
}

int count_only(const bench::Options& options) {
  const std::uint64_t count = options.count("count");
  if (options.choice("of", {"ours", "floor"}) == "floor") {
    bench::RawSwitch().run(count);
    return 0;
  }
  runtime::LocalRuntime rt = bench::make_runtime(options, bench::observed_builder(options));
  run_from(options.choice("from", {"task", "root"}), rt, [count] { spawn_and_join(count); });
  return 0;
}

int measure(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  runtime::LocalRuntime rt = bench::make_runtime(options, bench::observed_builder(options));
  bench::RawSwitch raw;
  run_from(options.choice("from", {"task", "root"}), rt, [total, &raw] {
    const bench::Pair slices = bench::in_slices(
        [total] {
          bench::CpuStopwatch stopwatch;
          stopwatch.start();
          spawn_and_join(total);
          stopwatch.stop();
          return stopwatch.nanoseconds_per(total);
        },
        [&raw] { return raw.nanoseconds_per_switch(); });
    bench::against_floor(bench::least(slices.ours), bench::least(slices.floor), "ns/task");
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
      {{"total", "100000"}, {"from", "task"}, {"stacks", "small"}, {"count", "0"}, {"of", "ours"}, {"observe", "nothing"}});
  return options.number("count") == 0 ? measure(options) : count_only(options);
}
