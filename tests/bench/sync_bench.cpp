// Waiting for one another: a lock that nobody wants, and news that go from one task to another, against the raw switch.
//
// A hop is what one task does to make the other go on, and the other's way back into its code.
//
// Where the process has one thread, the library's locks need no locked instruction. --threads 2 starts one that does nothing,
// as a program with a pool or with several runtimes has them.
//
// With --count K nothing is reported and exactly K pairs or hops are made (an even number of hops), for an instruction
// counter.

#include <cstdint>
#include <future>
#include <mutex>
#include <thread>

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
    return bench::nanoseconds_per_step<bench::CpuStopwatch>(total, [&mutex] {
      mutex.lock();
      mutex.unlock();
    });
  }).join();
}

/// Two tasks, one of which is always waiting for the other.
template <class First, class Second>
double hops(std::uint64_t total, First first, Second second) {
  bench::CpuStopwatch stopwatch;
  const std::uint64_t rounds = (total + 1) / 2;
  // Two steps of one type run the same code, as tasks mostly do that wait for one another.
  const auto repeat = [rounds](auto& step) {
    return [rounds, &step] {
      for (std::uint64_t i = 0; i < rounds; ++i) step();
    };
  };
  stopwatch.start();
  auto one = runtime::spawn_local(repeat(first));
  auto other = runtime::spawn_local(repeat(second));
  one.join();
  other.join();
  stopwatch.stop();
  return stopwatch.nanoseconds_per(2 * rounds);
}

double notify_hops(std::uint64_t total) {
  runtime::sync::Notify there, back;
  const auto step_of = [](runtime::sync::Notify& mine, runtime::sync::Notify& yours) {
    return [&mine, &yours] {
      mine.notified();
      yours.notify_one();
    };
  };
  there.notify_one();
  return hops(total, step_of(there, back), step_of(back, there));
}

/// The same between two tasks of different code. A processor predicts where a call returns to by the calls before it; the
/// task that went on last has called from elsewhere, so the way back into the code is mispredicted at each hop.
double notify_hops_of_two_codes(std::uint64_t total) {
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
  const auto step_of = [](auto& from, auto& to) {
    return [&from, &to] { to.send(*from.recv()); };
  };
  there.first.send(1);
  return hops(total, step_of(there.second, back.first), step_of(back.second, there.first));
}

/// The lock goes to and fro: whoever unlocks hands it to the other, who waits for it, and then waits himself.
double mutex_hops(std::uint64_t total) {
  runtime::sync::Mutex mutex;
  bench::CpuStopwatch stopwatch;
  const std::uint64_t rounds = (total + 1) / 2;
  const auto repeat = [&mutex, rounds] {
    mutex.lock();
    for (std::uint64_t i = 0; i < rounds; ++i) {
      mutex.unlock();
      mutex.lock();
    }
    mutex.unlock();
  };
  mutex.lock();  // until both wait for it
  auto one = runtime::spawn_local(repeat);
  auto other = runtime::spawn_local(repeat);
  runtime::yield_now();
  stopwatch.start();
  mutex.unlock();
  one.join();
  other.join();
  stopwatch.stop();
  return stopwatch.nanoseconds_per(2 * rounds);
}

double condition_hops(std::uint64_t total) {
  runtime::sync::Mutex mutex;
  runtime::sync::ConditionVariable changed;
  int turn = 0;
  const auto step_of = [&](int mine) {
    return [&mutex, &changed, &turn, mine] {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&turn, mine] { return turn == mine; });
      turn = 1 - mine;
      changed.notify_one();
    };
  };
  return hops(total, step_of(0), step_of(1));
}

void measure(const bench::Options& options) {
  const std::string work = options.choice("work", {"lock", "notify", "notify_two_codes", "channel", "mutex", "condition"});
  runtime::LocalRuntime rt = bench::make_runtime(options);
  const auto run = [&](std::uint64_t total) {
    return rt.block_on([&] {
      if (work == "lock") return uncontended(total);
      if (work == "notify") return notify_hops(total);
      if (work == "notify_two_codes") return notify_hops_of_two_codes(total);
      if (work == "channel") return channel_hops(total);
      return work == "mutex" ? mutex_hops(total) : condition_hops(total);
    });
  };
  if (options.number("count") != 0) {
    run(options.count("count"));
    return;
  }
  const std::uint64_t total = options.count("total");
  bench::RawSwitch raw;
  const bench::Pair slices = bench::in_slices([&] { return run(total); }, [&raw] { return raw.nanoseconds_per_switch(); });
  bench::against_floor(bench::least(slices.ours), bench::least(slices.floor), work == "lock" ? "ns/pair" : "ns/hop");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(
      argc, argv, {{"total", "400000"}, {"work", "notify"}, {"stacks", "small"}, {"count", "0"}, {"threads", "1"}});
  std::promise<void> over;
  std::thread second;
  if (options.choice("threads", {"1", "2"}) == "2") second = std::thread([&over] { over.get_future().wait(); });
  measure(options);
  over.set_value();
  if (second.joinable()) second.join();
}
