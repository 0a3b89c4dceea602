// Spawn many empty tasks, then join them all in order: the first time, and again when everything is warm.

#include <vector>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

double batch(std::vector<runtime::JoinHandle<void>>& handles, std::uint64_t tasks) {
  return bench::nanoseconds_per_task<bench::CpuStopwatch>(handles, tasks,
      [](std::uint64_t) { return runtime::spawn_local([] {}); });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"tasks", "100000"}, {"stacks", "small"}, {"round", "warm"}});
  const std::uint64_t tasks = options.count("tasks");
  const bool warm = options.choice("round", {"first", "warm"}) == "warm";

  runtime::LocalRuntime rt = bench::make_runtime(options);
  bench::RawSwitch raw;
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> handles;
    handles.reserve(tasks);
    const auto floor = [&raw] { return raw.nanoseconds_per_switch(); };
    const double first = batch(handles, tasks);
    const auto ours = [&] { return warm ? batch(handles, tasks) : first; };
    const bench::Pair slices = bench::in_slices(ours, floor);
    bench::against_floor(bench::least(slices.ours), bench::least(slices.floor), "ns/task");
  });
  return 0;
}
