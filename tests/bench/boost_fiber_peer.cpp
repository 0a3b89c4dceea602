// Boost.Fiber doing the same work as our own programs, one figure a run. It has no pool for blocking calls: it is
// given the raw one, and its own promise to wake the fiber.

#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/fiber/all.hpp>

#include "clock.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "raw_pool.hpp"
#include "report.hpp"
#include "slices.hpp"
#include "yield_round.hpp"

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

double yield_slice(std::uint64_t tasks, std::uint64_t total) {
  bench::YieldRound round(tasks, bench::YieldRound::yields_each(tasks, total));
  std::vector<fibers::fiber> all;
  all.reserve(tasks);
  for (std::uint64_t i = 0; i < tasks; ++i) {
    all.push_back(spawn([&round] { round.run_task([] { boost::this_fiber::yield(); }); }));
  }
  for (fibers::fiber& fiber : all) {
    fiber.join();
  }
  return round.nanoseconds_per_yield();
}

void yield(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  const std::uint64_t total = options.count("total");
  bench::figure("peer", bench::least(bench::in_slices([&] { return yield_slice(tasks, total); })), "ns/yield");
}

double spawn_and_join(std::uint64_t times) {
  bench::CpuStopwatch stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < times; ++i) {
    spawn([] {}).join();
  }
  stopwatch.stop();
  return stopwatch.nanoseconds_per(times);
}

void spawn_join(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  spawn([total] {
    bench::figure("peer", bench::least(bench::in_slices([total] { return spawn_and_join(total); })), "ns/task");
  }).join();
}

double batch(std::vector<fibers::fiber>& all, std::uint64_t tasks) {
  bench::CpuStopwatch stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < tasks; ++i) {
    all.push_back(spawn([] {}));
  }
  for (fibers::fiber& fiber : all) {
    fiber.join();
  }
  stopwatch.stop();
  all.clear();
  return stopwatch.nanoseconds_per(tasks);
}

void spawn_batch(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  std::vector<fibers::fiber> all;
  all.reserve(tasks);
  const double first = batch(all, tasks);
  const bool warm = options.choice("round", {"first", "warm"}) == "warm";
  bench::figure("peer", warm ? bench::least(bench::in_slices([&] { return batch(all, tasks); })) : first, "ns/task");
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
  bench::WallStopwatch stopwatch;
  stopwatch.start();
  std::vector<fibers::fiber> all;
  for (std::uint64_t i = 0; i < in_flight; ++i) {
    all.push_back(spawn([&pool, each] { round_trips_of_one_fiber(pool, each); }));
  }
  for (fibers::fiber& fiber : all) {
    fiber.join();
  }
  stopwatch.stop();
  return stopwatch.nanoseconds_per(in_flight * each);
}

void spawn_blocking(const bench::Options& options) {
  const std::uint64_t in_flight = options.count("in_flight");
  const std::uint64_t each = options.count("total") / in_flight;
  bench::RawPool pool(options.count("threads"));
  bench::figure("peer", bench::median(bench::in_slices([&] { return round_trips(pool, in_flight, each); })), "ns/job");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
      {{"work", "yield"}, {"tasks", "1000"}, {"total", "100000"}, {"round", "warm"}, {"state", "chain"},
       {"in_flight", "1"}, {"threads", "4"}});
  const std::string work = options.choice("work", {"yield", "spawn_join", "spawn_batch", "parked", "spawn_blocking"});
  if (work == "yield") {
    yield(options);
  } else if (work == "spawn_join") {
    spawn_join(options);
  } else if (work == "spawn_batch") {
    spawn_batch(options);
  } else if (work == "parked") {
    parked(options);
  } else {
    spawn_blocking(options);
  }
  return 0;
}
