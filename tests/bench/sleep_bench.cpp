// Many tasks that each sleep once, for a time of their own: what the process computes for each, from spawning it to its
// join, against libev's timers, armed and fired, with no tasks around them.

#include <ev.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <vector>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "sleep_times.hpp"
#include "slices.hpp"

namespace {

using Times = std::vector<std::chrono::microseconds>;

double ours(runtime::LocalRuntime& rt, const Times& times) {
  return rt.block_on([&times] {
    std::vector<runtime::JoinHandle<void>> handles;
    handles.reserve(times.size());
    return bench::nanoseconds_per_task<bench::ProcessStopwatch>(handles, times.size(), [&times](std::uint64_t i) {
      return runtime::spawn_local([time = times[i]] { runtime::sleep_for(time); });
    });
  });
}

double floor(const Times& times) {
  static std::uint64_t fired;
  fired = 0;
  std::vector<ev_timer> timers(times.size());
  struct ev_loop* const loop = ev_loop_new(EVFLAG_AUTO);
  if (loop == nullptr) {
    std::cerr << "libev gives no loop\n";
    std::exit(1);
  }
  bench::ProcessStopwatch stopwatch;
  stopwatch.start();
  for (std::size_t i = 0; i < times.size(); ++i) {
    ev_init(&timers[i], [](struct ev_loop*, ev_timer*, int) { ++fired; });
    timers[i].at = std::chrono::duration<double>(times[i]).count();
    timers[i].repeat = 0;
    ev_timer_start(loop, &timers[i]);
  }
  ev_run(loop, 0);
  stopwatch.stop();
  ev_loop_destroy(loop);
  if (fired != times.size()) {
    std::cerr << "timers were lost\n";
    std::exit(1);
  }
  return stopwatch.nanoseconds_per(times.size());
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"tasks", "100000"}, {"stacks", "small"}});
  const Times times = bench::sleep_times(options.count("tasks"));
  runtime::LocalRuntime rt = bench::make_runtime(options);
  const double least_ours = bench::least_of_three([&] { return ours(rt, times); });
  const double least_floor = bench::least_of_three([&] { return floor(times); });
  bench::against_floor(least_ours, least_floor, "ns/sleep");
  bench::raw_jump_figure();
  return 0;
}
