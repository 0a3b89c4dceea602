// Boost.Fiber doing the same work as our own programs, one figure a run. It has no pool for blocking calls: it is
// given the raw one, and its own promise to wake the fiber. Its mutex is not handed over (whoever unlocks may lock
// again before the one that waited), it has nothing like a Notify, and its sockets are those of Boost.Asio.

#include <unistd.h>

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/fiber/all.hpp>

#include "clock.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "peers/joined_peer.hpp"
#include "peers/peer.hpp"
#include "raw_pool.hpp"
#include "report.hpp"
#include "skynet.hpp"
#include "slices.hpp"

namespace {

namespace fibers = boost::fibers;

constexpr std::size_t kStackBytes = 16 * 1024;

/// Its fastest stacks: reused, without a guard page.
template <class F>
fibers::fiber spawn(F&& f) {
  static fibers::pooled_fixedsize_stack stacks(kStackBytes);
  return fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, std::forward<F>(f));
}

/// Its smallest stacks: one allocation each, without a guard page.
template <class F>
fibers::fiber spawn_small(F&& f) {
  return fibers::fiber(fibers::launch::post, std::allocator_arg, fibers::fixedsize_stack(kStackBytes),
                       std::forward<F>(f));
}

constexpr auto spawn_body = [](auto& body) { return spawn(body); };

void yield(const bench::Options& options) {
  bench::yield_figure(options.count("tasks"), options.count("total"), spawn_body, [] { boost::this_fiber::yield(); });
}

void spawn_join(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  spawn([total] { bench::step_figure(total, "ns/task", [] { spawn([] {}).join(); }); }).join();
}

void spawn_batch(const bench::Options& options) {
  bench::joined_batch_figure(options, options.count("tasks"), spawn_body);
}

void parked(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  const std::string state = options.choice("state", {"chain", "sleep", "unstarted"});
  const auto sleep = [] { boost::this_fiber::sleep_for(std::chrono::hours(1)); };
  const bench::Memory before = bench::Memory::now();
  fibers::fiber previous = spawn_small(sleep);
  for (std::uint64_t i = 1; i < tasks; ++i) {
    if (state == "chain") {
      previous = spawn_small([awaited = std::move(previous)]() mutable { awaited.join(); });
    } else {
      spawn_small(sleep).detach();
    }
  }
  if (state != "unstarted") {
    spawn_small([] {}).join();
  }
  bench::memory_figures("peer", before, bench::Memory::now(), tasks);
  // It cannot end fibers from outside.
  _exit(0);
}

/// A job whose end is told by the peer's own promise, from the pool thread.
struct Job : bench::RawJob {
  fibers::promise<void> promise;
};

void round_trips_of_one_fiber(bench::RawPool& pool, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    Job job;
    job.run = [](bench::RawJob& self) noexcept {
      // The fiber may go on, and the job with it, before set_value() has returned: keep the promise's state here.
      fibers::promise<void> promise = std::move(static_cast<Job&>(self).promise);
      promise.set_value();
    };
    fibers::future<void> done = job.promise.get_future();
    pool.submit(job);
    done.wait();
  }
}

double round_trips(bench::RawPool& pool, std::uint64_t in_flight, std::uint64_t each) {
  std::vector<fibers::fiber> all;
  const double of_one_fiber = bench::nanoseconds_per_task<bench::WallStopwatch>(all, in_flight, [&](std::uint64_t) {
    return spawn([&pool, each] { round_trips_of_one_fiber(pool, each); });
  });
  return of_one_fiber / static_cast<double>(each);
}

void spawn_blocking(const bench::Options& options) {
  bench::RawPool pool(options.count("threads"));
  bench::round_trip_figure(options, [&](std::uint64_t in_flight, std::uint64_t each) {
    return round_trips(pool, in_flight, each);
  });
}

/// Runs the child before its parent goes on. With launch::post a tree of a million takes half the time, and 17 GiB
/// instead of 5, which would end the program, and others, on most machines.
template <class F>
fibers::fiber spawn_at_once(F&& f) {
  static fibers::pooled_fixedsize_stack stacks(kStackBytes);
  return fibers::fiber(fibers::launch::dispatch, std::allocator_arg, stacks, std::forward<F>(f));
}

std::uint64_t tree(std::uint64_t first, std::uint64_t leaves) {
  if (leaves == 1) return first;
  const std::uint64_t share = leaves / bench::kSkynetChildren;
  std::uint64_t sums[bench::kSkynetChildren] = {};
  fibers::fiber children[bench::kSkynetChildren];
  for (std::uint64_t i = 0; i < bench::kSkynetChildren; ++i) {
    children[i] = spawn_at_once([&sums, first, share, i] { sums[i] = tree(first + i * share, share); });
  }
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < bench::kSkynetChildren; ++i) {
    children[i].join();
    sum += sums[i];
  }
  return sum;
}

void skynet(const bench::Options& options) {
  const std::uint64_t leaves = bench::skynet_leaves(options);
  bench::figure("peer", bench::warm_skynet_milliseconds(leaves, [leaves] { return tree(0, leaves); }), "ms");
  bench::peak_figure();
}

void lock(const bench::Options& options) {
  fibers::mutex mutex;
  bench::step_figure(options.count("total"), "ns/pair", [&mutex] {
    mutex.lock();
    mutex.unlock();
  });
}

/// Two fibers, one of which is always waiting for the other.
template <class First, class Second>
void hops(const bench::Options& options, First first, Second second) {
  const std::uint64_t rounds = (options.count("total") + 1) / 2;
  // Steps of one type run the same code.
  const auto repeat = [rounds](auto& step) {
    return [rounds, &step] {
      for (std::uint64_t i = 0; i < rounds; ++i) step();
    };
  };
  const auto slice = [&] {
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    fibers::fiber one = spawn(repeat(first));
    fibers::fiber other = spawn(repeat(second));
    one.join();
    other.join();
    stopwatch.stop();
    return stopwatch.nanoseconds_per(2 * rounds);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/hop");
}

/// Its unbuffered channels: the buffered ones start at two, and are slower here.
void channel(const bench::Options& options) {
  fibers::unbuffered_channel<std::uint64_t> there, back;
  std::uint64_t got = 0, answer = 0;
  hops(options,
       [&] {
         there.pop(got);
         back.push(got);
       },
       [&] {
         there.push(1);
         back.pop(answer);
       });
}

void condition(const bench::Options& options) {
  fibers::mutex mutex;
  fibers::condition_variable changed;
  int turn = 0;
  const auto step_of = [&](int mine) {
    return [&mutex, &changed, &turn, mine] {
      std::unique_lock<fibers::mutex> held(mutex);
      changed.wait(held, [&turn, mine] { return turn == mine; });
      turn = 1 - mine;
      changed.notify_one();
    };
  };
  hops(options, step_of(0), step_of(1));
}

struct Sleeper {
  std::chrono::microseconds time;

  void operator()() const { boost::this_fiber::sleep_for(time); }
};

void sleep(const bench::Options& options) { bench::sleep_figure<Sleeper>(options.count("tasks"), spawn_body); }

/// It has no unbounded channel: one of 1,024 places, which a plain thread may push into.
void mpsc(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  const auto slice = [total] {
    fibers::buffered_channel<std::uint64_t> channel(1024);
    bench::WallStopwatch stopwatch;
    stopwatch.start();
    std::thread sending([&channel, total] {
      for (std::uint64_t i = 0; i < total; ++i) channel.push(i);
      channel.close();
    });
    std::uint64_t received = 0, value = 0;
    while (channel.pop(value) == fibers::channel_op_status::success) ++received;
    stopwatch.stop();
    sending.join();
    if (received != total) throw std::runtime_error("messages were lost");
    return stopwatch.nanoseconds_per(total);
  };
  bench::figure("peer", bench::median(bench::in_slices(slice)), "ns/message");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer(argc, argv,
      {{"yield", yield}, {"spawn_join", spawn_join}, {"spawn_batch", spawn_batch}, {"parked", parked},
       {"spawn_blocking", spawn_blocking}, {"skynet", skynet}, {"lock", lock}, {"channel", channel},
       {"condition", condition}, {"sleep", sleep}, {"mpsc", mpsc}});
}
