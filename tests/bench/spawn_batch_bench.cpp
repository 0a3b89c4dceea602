// Spawn many empty tasks, then join them all in order: the first time, and again when everything is warm.
//
// Most of the first time is memory, so its floor is what that costs by itself: as many bytes as the tasks take in the pool,
// touched for the first time, in huge pages and in small ones.

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

double batch(std::vector<runtime::JoinHandle<void>>& handles, std::uint64_t tasks) {
  return bench::nanoseconds_per_task<bench::CpuStopwatch>(handles, tasks,
      [](std::uint64_t) { return runtime::spawn_local([] {}); });
}

double first_time(std::uint64_t tasks) {
  std::vector<runtime::JoinHandle<void>> handles;
  handles.reserve(tasks);
  return batch(handles, tasks);
}

// After ours, whose memory the process still has: pages given back before would be at hand for the one that comes next.
void first_against_its_memory(std::uint64_t tasks, double ours) {
  // What a task takes of the pool whose closure captures one pointer at most and gives nothing back.
  constexpr std::uint64_t kCell = 128;
  const double n = static_cast<double>(tasks);
  bench::against_floor(ours, bench::first_touch(tasks * kCell, bench::Pages::huge) / n, "ns/task");
  bench::figure("small_pages", bench::first_touch(tasks * kCell, bench::Pages::small) / n, "ns/task");
  bench::raw_jump_figure();
}

void warm_against_a_switch(std::uint64_t tasks) {
  bench::RawSwitch raw;
  std::vector<runtime::JoinHandle<void>> handles;
  handles.reserve(tasks);
  const bench::Pair slices = bench::in_slices([&] { return batch(handles, tasks); },
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
