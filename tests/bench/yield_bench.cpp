// Yield: N ready tasks giving way in turn, against the raw switch.
//
// With --count K nothing is timed: each task yields exactly K times (or, with --of floor, K raw switches are made), so
// that an instruction counter sees the same work every time.

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"
#include "yield_round.hpp"

namespace {

void run_ours(runtime::LocalRuntime& rt, bench::YieldRound& round) {
  rt.block_on([&round] {
    round.run([](auto& body) { return runtime::spawn_local(body); }, [] { runtime::yield_now(); });
  });
}

int count_only(const bench::Options& options) {
  const std::uint64_t count = options.count("count");
  if (options.choice("of", {"ours", "floor"}) == "floor") {
    bench::RawSwitch().run(count);
    return 0;
  }
  runtime::LocalRuntime rt = bench::make_runtime(options, bench::observed_builder(options));
  bench::YieldRound round(options.count("tasks"), count);
  run_ours(rt, round);
  return 0;
}

int measure(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  runtime::LocalRuntime rt = bench::make_runtime(options, bench::observed_builder(options));
  const std::uint64_t each = bench::YieldRound::yields_each(tasks, options.count("total"));
  bench::RawSwitch raw;
  const bench::Pair slices = bench::in_slices(
      [&] {
        bench::YieldRound round(tasks, each);
        run_ours(rt, round);
        return round.nanoseconds_per_yield();
      },
      [&raw] { return raw.nanoseconds_per_switch(); });
  bench::against_floor(bench::least(slices.ours), bench::least(slices.floor), "ns/yield");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
      {{"tasks", "2"}, {"total", "400000"}, {"stacks", "small"}, {"count", "0"}, {"of", "ours"}, {"observe", "nothing"}});
  return options.number("count") == 0 ? measure(options) : count_only(options);
}
