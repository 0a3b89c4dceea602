// State Threads doing the same work as our own programs, one figure a run. It has no yield: a sleep of 0 is what its
// programs use. It has no pool either: it is given the raw one, and a thread of its own that reads the eventfd.

#include <st.h>
#include <sys/select.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

#include "clock.hpp"
#include "done_list.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "peers/echo_peer.hpp"
#include "peers/peer.hpp"
#include "raw_pool.hpp"
#include "report.hpp"
#include "skynet.hpp"
#include "sleep_times.hpp"
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

struct Node {
  std::uint64_t first, leaves, sum;
};

void* tree(void* argument) {
  Node& node = *static_cast<Node*>(argument);
  if (node.leaves == 1) {
    node.sum = node.first;
    return nullptr;
  }
  const std::uint64_t share = node.leaves / bench::kSkynetChildren;
  Node nodes[bench::kSkynetChildren];
  st_thread_t children[bench::kSkynetChildren];
  for (std::uint64_t i = 0; i < bench::kSkynetChildren; ++i) {
    nodes[i] = {node.first + i * share, share, 0};
    children[i] = spawn(tree, &nodes[i]);
  }
  for (std::uint64_t i = 0; i < bench::kSkynetChildren; ++i) {
    join(children[i]);
    node.sum += nodes[i].sum;
  }
  return nullptr;
}

void skynet(const bench::Options& options) {
  const std::uint64_t leaves = bench::skynet_leaves(options);
  const auto build = [leaves] {
    Node root{0, leaves, 0};
    join(spawn(tree, &root));
    return root.sum;
  };
  bench::figure("peer", bench::warm_skynet_milliseconds(leaves, build), "ms");
  bench::peak_figure();
}

void lock(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  st_mutex_t mutex = st_mutex_new();
  const auto slice = [&] {
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    for (std::uint64_t i = 0; i < total; ++i) {
      st_mutex_lock(mutex);
      st_mutex_unlock(mutex);
    }
    stopwatch.stop();
    return stopwatch.nanoseconds_per(total);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/pair");
}

struct Hopper {
  std::uint64_t rounds;
  st_mutex_t mutex;
  st_cond_t changed;
  int mine;
  int* turn;
};

void* hop_by_condition(void* argument) {
  const Hopper& self = *static_cast<Hopper*>(argument);
  for (std::uint64_t i = 0; i < self.rounds; ++i) {
    while (*self.turn != self.mine) st_cond_wait(self.changed);
    *self.turn = 1 - self.mine;
    st_cond_signal(self.changed);
  }
  return nullptr;
}

/// Whoever unlocks hands the mutex to the other, who waits for it, and then waits himself.
void* hop_by_mutex(void* argument) {
  const Hopper& self = *static_cast<Hopper*>(argument);
  st_mutex_lock(self.mutex);
  for (std::uint64_t i = 0; i < self.rounds; ++i) {
    st_mutex_unlock(self.mutex);
    st_mutex_lock(self.mutex);
  }
  st_mutex_unlock(self.mutex);
  return nullptr;
}

void hops(const bench::Options& options, void* (*hop)(void*)) {
  const std::uint64_t rounds = (options.count("total") + 1) / 2;
  st_mutex_t mutex = st_mutex_new();
  st_cond_t changed = st_cond_new();
  const auto slice = [&] {
    int turn = -1;  // nobody's, until the clock starts
    Hopper first{rounds, mutex, changed, 0, &turn}, second{rounds, mutex, changed, 1, &turn};
    st_mutex_lock(mutex);  // until both wait for it
    st_thread_t one = spawn(hop, &first), other = spawn(hop, &second);
    st_usleep(0);
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    turn = 0;
    st_cond_broadcast(changed);
    st_mutex_unlock(mutex);
    join(one);
    join(other);
    stopwatch.stop();
    return stopwatch.nanoseconds_per(2 * rounds);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/hop");
}

void mutex(const bench::Options& options) { hops(options, hop_by_mutex); }

/// Its condition variables need no mutex: nothing else runs between the look and the wait.
void condition(const bench::Options& options) { hops(options, hop_by_condition); }

void sleep(const bench::Options& options) {
  auto times = bench::sleep_times(options.count("tasks"));
  std::vector<st_thread_t> all;
  all.reserve(times.size());
  const auto slice = [&] {
    bench::ProcessStopwatch stopwatch;
    stopwatch.start();
    for (auto& time : times) {
      all.push_back(spawn([](void* argument) -> void* {
        st_usleep(static_cast<st_utime_t>(static_cast<std::chrono::microseconds*>(argument)->count()));
        return nullptr;
      }, &time));
    }
    join_all(all);
    stopwatch.stop();
    return stopwatch.nanoseconds_per(times.size());
  };
  bench::figure("peer", bench::least_of_three(slice), "ns/sleep");
}

using Timed = bench::EchoTimed<bench::CpuStopwatch>;

struct Connection {
  st_netfd_t fd;
  Timed* timed;
};

void* serve_one(void* argument) {
  const Connection self = *static_cast<Connection*>(argument);
  char buffer[4096];
  ssize_t got;
  while ((got = st_read(self.fd, buffer, sizeof buffer, ST_UTIME_NO_TIMEOUT)) > 0) {
    if (st_write(self.fd, buffer, static_cast<std::size_t>(got), ST_UTIME_NO_TIMEOUT) != got) {
      throw std::system_error(errno, std::generic_category(), "st_write");
    }
    (*self.timed)();
  }
  st_netfd_close(self.fd);
  return nullptr;
}

void serve(int listening, std::uint64_t connections, Timed& timed) {
  st_netfd_t listener = st_netfd_open_socket(listening);
  std::vector<Connection> all(connections);
  std::vector<st_thread_t> threads;
  for (Connection& connection : all) {
    connection = {st_accept(listener, nullptr, nullptr, ST_UTIME_NO_TIMEOUT), &timed};
    if (connection.fd == nullptr) throw std::system_error(errno, std::generic_category(), "st_accept");
    threads.push_back(spawn(serve_one, &connection));
  }
  join_all(threads);
  st_netfd_close(listener);
}

void echo(const bench::Options& options) {
  // Debian builds it with select() only.
  if (options.count("connections") + 16 > FD_SETSIZE) bench::unable("its select() has room for 1,024 descriptors");
  bench::echo_figure<bench::CpuStopwatch>(options, 0, serve);
}

}  // namespace

int main(int argc, char** argv) {
  if (st_init() != 0) {
    throw std::system_error(errno, std::generic_category(), "st_init");
  }
  return bench::run_peer(argc, argv,
      {{"yield", yield}, {"spawn_join", spawn_join}, {"spawn_batch", spawn_batch}, {"parked", parked},
       {"spawn_blocking", spawn_blocking}, {"skynet", skynet}, {"lock", lock}, {"mutex", mutex},
       {"condition", condition}, {"sleep", sleep}, {"echo", echo}});
}
