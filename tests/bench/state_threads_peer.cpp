// State Threads doing the same work as our own programs, one figure a run. It has no yield: a sleep of 0 is what its
// programs use. It has no pool either: it is given the raw one, and a thread of its own that reads the eventfd.

#include <st.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "clock.hpp"
#include "done_list.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "raw_pool.hpp"
#include "report.hpp"
#include "slices.hpp"
#include "yield_round.hpp"

namespace {

constexpr int kStackBytes = 16 * 1024;

st_thread_t spawn(void* (*start)(void*), void* argument, bool joinable = true) {
  st_thread_t thread = st_thread_create(start, argument, joinable ? 1 : 0, kStackBytes);
  if (thread == nullptr) {
    throw std::system_error(errno, std::generic_category(), "st_thread_create");
  }
  return thread;
}

void join(st_thread_t thread) {
  if (st_thread_join(thread, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "st_thread_join");
  }
}

void join_all(std::vector<st_thread_t>& all) {
  for (st_thread_t thread : all) {
    join(thread);
  }
  all.clear();
}

void* do_nothing(void*) { return nullptr; }

double yield_slice(std::uint64_t tasks, std::uint64_t total) {
  bench::YieldRound round(tasks, bench::YieldRound::yields_each(tasks, total));
  std::vector<st_thread_t> all;
  all.reserve(tasks);
  for (std::uint64_t i = 0; i < tasks; ++i) {
    all.push_back(spawn([](void* argument) -> void* {
      static_cast<bench::YieldRound*>(argument)->run_task([] { st_usleep(0); });
      return nullptr;
    }, &round));
  }
  join_all(all);
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
    join(spawn(do_nothing, nullptr));
  }
  stopwatch.stop();
  return stopwatch.nanoseconds_per(times);
}

void spawn_join(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  bench::figure("peer", bench::least(bench::in_slices([total] { return spawn_and_join(total); })), "ns/task");
}

double batch(std::vector<st_thread_t>& all, std::uint64_t tasks) {
  bench::CpuStopwatch stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < tasks; ++i) {
    all.push_back(spawn(do_nothing, nullptr));
  }
  join_all(all);
  stopwatch.stop();
  return stopwatch.nanoseconds_per(tasks);
}

void spawn_batch(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  std::vector<st_thread_t> all;
  all.reserve(tasks);
  const double first = batch(all, tasks);
  const bool warm = options.choice("round", {"first", "warm"}) == "warm";
  bench::figure("peer", warm ? bench::least(bench::in_slices([&] { return batch(all, tasks); })) : first, "ns/task");
}

void* sleep_for_an_hour(void*) {
  st_sleep(3600);
  return nullptr;
}

void* join_other(void* other) {
  join(static_cast<st_thread_t>(other));
  return nullptr;
}

void parked(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  const std::string state = options.choice("state", {"chain", "sleep", "unstarted"});
  const bench::Memory before = bench::Memory::now();
  st_thread_t previous = spawn(sleep_for_an_hour, nullptr);
  for (std::uint64_t i = 1; i < tasks; ++i) {
    if (state == "chain") {
      previous = spawn(join_other, previous);
    } else {
      spawn(sleep_for_an_hour, nullptr, false);
    }
  }
  if (state != "unstarted") {
    join(spawn(do_nothing, nullptr));
  }
  bench::memory_figures("peer", before, bench::Memory::now(), tasks);
  // It cannot end threads from outside.
  _exit(0);
}

/// A job whose end is told by the collector, on the runtime's own thread.
struct Job : bench::RawJob {
  bench::DoneList* done = nullptr;
  st_cond_t is_back = nullptr;
  bool back = false;
};

struct Offload {
  explicit Offload(std::size_t threads) : done(EFD_NONBLOCK | EFD_CLOEXEC), pool(threads) {}

  bench::DoneList done;
  std::uint64_t each = 0;
  bench::RawPool pool;  // last: its threads end before what they use
};

/// Reads the eventfd for ever and wakes whose jobs are back.
void* collect(void* argument) {
  Offload& offload = *static_cast<Offload*>(argument);
  st_netfd_t fd = st_netfd_open(offload.done.fd());
  if (fd == nullptr) {
    throw std::system_error(errno, std::generic_category(), "st_netfd_open");
  }
  for (;;) {
    std::uint64_t written = 0;
    if (st_read(fd, &written, sizeof written, ST_UTIME_NO_TIMEOUT) < 0) {
      throw std::system_error(errno, std::generic_category(), "st_read of the eventfd");
    }
    for (bench::RawJob* job = offload.done.take_all(); job != nullptr;) {
      bench::RawJob* next = job->next;
      static_cast<Job*>(job)->back = true;
      st_cond_signal(static_cast<Job*>(job)->is_back);
      job = next;
    }
  }
}

void* round_trips_of_one_thread(void* argument) {
  Offload& offload = *static_cast<Offload*>(argument);
  Job job;
  job.run = [](bench::RawJob& self) noexcept { static_cast<Job&>(self).done->push(self); };
  job.done = &offload.done;
  job.is_back = st_cond_new();
  for (std::uint64_t i = 0; i < offload.each; ++i) {
    job.back = false;
    offload.pool.submit(job);
    while (!job.back) {
      st_cond_wait(job.is_back);
    }
  }
  st_cond_destroy(job.is_back);
  return nullptr;
}

double round_trips(Offload& offload, std::uint64_t in_flight, std::uint64_t each) {
  offload.each = each;
  bench::WallStopwatch stopwatch;
  stopwatch.start();
  std::vector<st_thread_t> all;
  for (std::uint64_t i = 0; i < in_flight; ++i) {
    all.push_back(spawn(round_trips_of_one_thread, &offload));
  }
  join_all(all);
  stopwatch.stop();
  return stopwatch.nanoseconds_per(in_flight * each);
}

void spawn_blocking(const bench::Options& options) {
  const std::uint64_t in_flight = options.count("in_flight");
  const std::uint64_t each = options.count("total") / in_flight;
  Offload offload(options.count("threads"));
  spawn(collect, &offload, false);
  const auto slice = [&] { return round_trips(offload, in_flight, each); };
  bench::figure("peer", bench::median(bench::in_slices(slice)), "ns/job");
  // The collector still reads the eventfd.
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv,
      {{"work", "yield"}, {"tasks", "1000"}, {"total", "100000"}, {"round", "warm"}, {"state", "chain"},
       {"in_flight", "1"}, {"threads", "4"}});
  if (st_init() != 0) {
    throw std::system_error(errno, std::generic_category(), "st_init");
  }
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
