// What a task costs in memory while it waits: resident bytes and page tables, against one page; and how many mappings
// the kernel has to keep. --state chooses what the tasks do while they are counted:
//
//   chain      each joins the task before it, the first sleeps: parked with nothing but its own stack
//   sleep      each sleeps for an hour: parked with a timer as well
//   unstarted  spawned, not yet resumed: no stack at all

#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <utility>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "memory.hpp"
#include "options.hpp"

namespace {

void spawn_chain(std::uint64_t tasks, std::uint64_t& started) {
  runtime::JoinHandle<void> previous = runtime::spawn_local([&started] {
    ++started;
    runtime::sleep_for(std::chrono::hours(1));
  });
  for (std::uint64_t i = 1; i < tasks; ++i) {
    previous = runtime::spawn_local([&started, awaited = std::move(previous)]() mutable {
      ++started;
      awaited.join();
    });
  }
}

void spawn_sleepers(std::uint64_t tasks, std::uint64_t& started) {
  for (std::uint64_t i = 0; i < tasks; ++i) {
    (void)runtime::spawn_local([&started] {
      ++started;
      runtime::sleep_for(std::chrono::hours(1));
    });
  }
}

void spawn_unstarted(std::uint64_t tasks, std::uint64_t& started) {
  for (std::uint64_t i = 0; i < tasks; ++i) {
    (void)runtime::spawn_local([&started] { ++started; });
  }
}

/// Spawns the tasks and lets them come to where they are to be counted.
void bring_into(const std::string& state, std::uint64_t tasks, std::uint64_t& started) {
  if (state == "unstarted") {
    spawn_unstarted(tasks, started);
    return;
  }
  if (state == "chain") {
    spawn_chain(tasks, started);
  } else {
    spawn_sleepers(tasks, started);
  }
  // First come, first served: when this one has run, each of the others has had its turn.
  runtime::spawn_local([] {}).join();
}

void count_memory(const std::string& state, std::uint64_t tasks, std::uint64_t& started) {
  const bench::Memory before = bench::Memory::now();
  bench::WallStopwatch stopwatch;
  stopwatch.start();
  bring_into(state, tasks, started);
  stopwatch.stop();
  const bench::Memory after = bench::Memory::now();
  if (started != (state == "unstarted" ? 0 : tasks)) {
    throw std::runtime_error("the tasks are not in the state that was to be counted");
  }
  bench::memory_figures("ours", before, after, tasks);
  bench::figure("to_get_there", stopwatch.nanoseconds_per(tasks), "ns/task");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
      {{"tasks", "100000"}, {"state", "chain"}, {"stacks", "small"}, {"end", "unwind"}});
  const std::uint64_t tasks = options.count("tasks");
  const std::string state = options.choice("state", {"chain", "sleep", "unstarted"});
  const bool unwind = options.choice("end", {"unwind", "exit"}) == "unwind";

  std::uint64_t started = 0;
  bench::WallStopwatch unwinding;
  {
    runtime::LocalRuntime rt = bench::make_runtime(options);
    // What the runtime itself needs is there before the first task is counted.
    rt.block_on([] { runtime::spawn_local([] {}).join(); });
    rt.block_on([&] { count_memory(state, tasks, started); });
    if (!unwind) {
      _exit(0);
    }
    unwinding.start();
  }
  unwinding.stop();
  bench::figure("to_unwind", unwinding.nanoseconds_per(tasks), "ns/task");
  return 0;
}
