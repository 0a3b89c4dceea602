// Waiting for one another: a lock that nobody wants, and news that go from one task to another, against the raw switch.
//
// A hop is what one task does to make the other go on, and the other's way back into its code.

#include <cstdint>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

/// Lock and unlock, again and again, in a task.
double uncontended(std::uint64_t total) {
  return runtime::spawn_local([total] {
    runtime::sync::Mutex mutex;
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    for (std::uint64_t i = 0; i < total; ++i) {
      mutex.lock();
      mutex.unlock();
    }
    stopwatch.stop();
    return stopwatch.nanoseconds_per(total);
  }).join();
}

/// Two tasks, one of which is always waiting for the other.
template <class First, class Second>
double hops(std::uint64_t total, First first, Second second) {
  bench::CpuStopwatch stopwatch;
  const std::uint64_t rounds = (total + 1) / 2;
  const auto repeat = [rounds](auto& step) {
    for (std::uint64_t i = 0; i < rounds; ++i) step();
  };
  stopwatch.start();
  auto one = runtime::spawn_local([&] { repeat(first); });
  auto other = runtime::spawn_local([&] { repeat(second); });
  one.join();
  other.join();
  stopwatch.stop();
  return stopwatch.nanoseconds_per(2 * rounds);
}

double notify_hops(std::uint64_t total) {
  runtime::sync::Notify there, back;
  return hops(
      total,
      [&] {
        there.notified();
        back.notify_one();
      },
      [&] {
        there.notify_one();
        back.notified();
      });
}

double channel_hops(std::uint64_t total) {
  auto there = runtime::sync::mpsc::channel<std::uint64_t>(1);
  auto back = runtime::sync::mpsc::channel<std::uint64_t>(1);
  return hops(
      total, [&] { back.first.send(*there.second.recv()); },
      [&] {
        there.first.send(1);
        back.second.recv();
      });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"total", "400000"}, {"work", "notify"}, {"stacks", "small"}});
  const std::uint64_t total = options.count("total");
  const std::string work = options.choice("work", {"lock", "notify", "channel"});
  runtime::LocalRuntime rt = bench::make_runtime(options);
  bench::RawSwitch raw;
  const bench::Pair slices = bench::in_slices(
      [&] {
        return rt.block_on([&] {
          return work == "lock" ? uncontended(total) : work == "notify" ? notify_hops(total) : channel_hops(total);
        });
      },
      [&raw] { return raw.nanoseconds_per_switch(); });
  bench::against_floor(bench::least(slices.ours), bench::least(slices.floor), work == "lock" ? "ns/pair" : "ns/hop");
}
