// Spawn many empty tasks, then join them all in order: the first time, and again when everything is warm.
//
// Most of the first time is memory, so its floor is what that costs by itself: as many bytes as the tasks take in the pool,
// touched for the first time, in huge pages and in small ones.
//
// Beside the first time stands what its memory costs by itself, as it is the larger part: as many bytes as the tasks take,
// in pages that the process has never touched.

#include <vector>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "first_touch.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

double nanoseconds_per_task(std::vector<runtime::JoinHandle<void>>& handles, std::uint64_t tasks) {
  bench::CpuStopwatch stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < tasks; ++i) {
    handles.push_back(runtime::spawn_local([] {}));
  }
  for (runtime::JoinHandle<void>& handle : handles) {
    handle.join();
  }
  stopwatch.stop();
  handles.clear();
  return stopwatch.nanoseconds_per(tasks);
}

double first_time(std::uint64_t tasks) {
  std::vector<runtime::JoinHandle<void>> handles;
  handles.reserve(tasks);
  return nanoseconds_per_task(handles, tasks);
}

// After ours, whose memory the process still has: pages given back before would be at hand for the one that comes next.
void first_against_its_memory(std::uint64_t tasks, double ours) {
  // What a task without captures takes of the pool: 128 bytes, and a cache line for its closure.
  constexpr std::uint64_t kCell = 192;
  const double n = static_cast<double>(tasks);
  bench::against_floor(ours, bench::first_touch(tasks * kCell, bench::Pages::huge) / n, "ns/task");
  bench::figure("small_pages", bench::first_touch(tasks * kCell, bench::Pages::small) / n, "ns/task");
  bench::raw_jump_figure();
}

void warm_against_a_switch(std::uint64_t tasks) {
  bench::RawSwitch raw;
  std::vector<runtime::JoinHandle<void>> handles;
  handles.reserve(tasks);
  const bench::Pair slices = bench::in_slices([&] { return nanoseconds_per_task(handles, tasks); },
                                              [&raw] { return raw.nanoseconds_per_switch(); });
  bench::against_floor(bench::least(slices.ours), bench::least(slices.floor), "ns/task");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"tasks", "100000"}, {"stacks", "small"}, {"round", "warm"}});
  const std::uint64_t tasks = options.count("tasks");
  const bool warm = options.choice("round", {"first", "warm"}) == "warm";

  runtime::LocalRuntime rt = bench::make_runtime(options);
  rt.block_on([&] {
    const double first = first_time(tasks);
    warm ? warm_against_a_switch(tasks) : first_against_its_memory(tasks, first);
  });
  return 0;
}
