// Cost as it grows: what one operation costs while N tasks, timers or connections are alive, beside the raw switch of
// the same run. --work chooses the operation:
//
//   yield       one of N ready tasks gives way
//   wake        one of N parked tasks is woken, runs and parks again; in random order, and in the order of their making
//   spawn       an empty task is spawned and joined while N are parked
//   timer       a timer is armed and disarmed, or armed and fired, while N are armed
//   connection  a message is echoed on one of N open connections, against an epoll loop
//   dump        N parked tasks are dumped, per task
//   touch       no tasks: one cache line of N is read, each on a page of its own, or packed; what explains the rest
//
// It ends with 77, and says why, when the machine does not have what so many need.

#include <unistd.h>

#include <cstdint>
#include <string>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "growth_connections.hpp"
#include "growth_room.hpp"
#include "growth_tasks.hpp"
#include "growth_timers.hpp"
#include "growth_touch.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

constexpr int kSkipped = 77;

void measure(const std::string& work, std::uint64_t count, std::uint64_t total) {
  namespace growth = bench::growth;
  if (work == "yield") {
    growth::yield(count, total);
  } else if (work == "wake") {
    growth::wake(count, total);
  } else if (work == "spawn") {
    growth::spawn(count, total);
  } else if (work == "timer") {
    growth::timer(count, total);
  } else {
    growth::dump(count, total);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
      {{"work", "yield"}, {"count", "1000"}, {"total", "100000"}, {"stacks", "small"}, {"memory", "1000000"}});
  const std::string work = options.choice("work", {"yield", "wake", "spawn", "timer", "connection", "dump", "touch"});
  const std::uint64_t count = options.count("count");
  const std::uint64_t total = options.count("total");
  if (!bench::growth::is_room(work, count, options.count("memory"))) {
    return kSkipped;
  }

  bench::RawSwitch raw;
  const double jump = bench::least(bench::in_slices([&raw] { return raw.nanoseconds_per_switch(); }));
  runtime::LocalRuntime rt = bench::make_runtime(options);
  if (work == "touch") {
    bench::growth::touch(count, total);
  } else if (work == "connection") {
    bench::growth::connection(rt, count, total);
  } else {
    rt.block_on([&] { runtime::spawn_local([&] { measure(work, count, total); }).join(); });
  }
  bench::figure("jump", jump, "ns/switch");
  // The sleepers would sleep for hours: unwinding a million of them takes longer than what was measured.
  _exit(0);
}
