// State Threads doing the same work as our own programs, one figure a run. It has no yield: a sleep of 0 is what its
// programs use. It has no pool either: it is given the raw one, and a thread of its own that reads the eventfd.

#include <st.h>
#include <sys/select.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "clock.hpp"
#include "done_list.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "peers/echo_peer.hpp"
#include "peers/joined_peer.hpp"
#include "peers/peer.hpp"
#include "raw_pool.hpp"
#include "report.hpp"
#include "skynet.hpp"
#include "slices.hpp"

namespace {

constexpr int kStackBytes = 16 * 1024;

struct Thread {
  st_thread_t thread;

  void join() const {
    if (st_thread_join(thread, nullptr) != 0) bench::throw_errno("st_thread_join");
  }
};

Thread start(void* (*code)(void*), void* argument, bool joinable) {
  const Thread made{st_thread_create(code, argument, joinable ? 1 : 0, kStackBytes)};
  if (made.thread == nullptr) bench::throw_errno("st_thread_create");
  return made;
}

/// A thread that calls `body`, which stays where it is until then.
template <class Body>
Thread spawn(Body& body, bool joinable = true) {
  return start(bench::call_body<Body>, &body, joinable);
}

auto nothing = [] {};

constexpr auto spawn_body = [](auto& body) { return spawn(body); };

void yield(const bench::Options& options) {
  bench::yield_figure(options.count("tasks"), options.count("total"), spawn_body, [] { st_usleep(0); });
}

void spawn_join(const bench::Options& options) {
  bench::step_figure(options.count("total"), "ns/task", [] { spawn(nothing).join(); });
}

void spawn_batch(const bench::Options& options) {
  bench::joined_batch_figure(options, options.count("tasks"), spawn_body);
}

auto sleep_for_an_hour = [] { st_sleep(3600); };

/// A thread that joins another one, which is its argument: a closure would be memory besides.
Thread spawn_joining(Thread other) {
  const auto join_it = [](void* thread) -> void* {
    Thread{static_cast<st_thread_t>(thread)}.join();
    return nullptr;
  };
  return start(join_it, other.thread, true);
}

void parked(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  const std::string state = options.choice("state", {"chain", "sleep", "unstarted"});
  const bench::Memory before = bench::Memory::now();
  Thread previous = spawn(sleep_for_an_hour);
  for (std::uint64_t i = 1; i < tasks; ++i) {
    if (state == "chain") {
      previous = spawn_joining(previous);
    } else {
      spawn(sleep_for_an_hour, false);
    }
  }
  if (state != "unstarted") {
    spawn(nothing).join();
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
  bench::RawPool pool;  // last: its threads end before what they use
};

/// Reads the eventfd for ever and wakes whose jobs are back.
void collect(Offload& offload) {
  st_netfd_t fd = st_netfd_open(offload.done.fd());
  if (fd == nullptr) bench::throw_errno("st_netfd_open");
  for (;;) {
    std::uint64_t written = 0;
    if (st_read(fd, &written, sizeof written, ST_UTIME_NO_TIMEOUT) < 0) {
      bench::throw_errno("st_read of the eventfd");
    }
    for (bench::RawJob* job = offload.done.take_all(); job != nullptr;) {
      bench::RawJob* next = job->next;
      static_cast<Job*>(job)->back = true;
      st_cond_signal(static_cast<Job*>(job)->is_back);
      job = next;
    }
  }
}

void round_trips_of_one_thread(Offload& offload, std::uint64_t count) {
  Job job;
  job.run = [](bench::RawJob& self) noexcept { static_cast<Job&>(self).done->push(self); };
  job.done = &offload.done;
  job.is_back = st_cond_new();
  for (std::uint64_t i = 0; i < count; ++i) {
    job.back = false;
    offload.pool.submit(job);
    while (!job.back) {
      st_cond_wait(job.is_back);
    }
  }
  st_cond_destroy(job.is_back);
}

double round_trips(Offload& offload, std::uint64_t in_flight, std::uint64_t each) {
  auto body = [&offload, each] { round_trips_of_one_thread(offload, each); };
  std::vector<Thread> all;
  return bench::nanoseconds_per_task<bench::WallStopwatch>(all, in_flight, [&](std::uint64_t) { return spawn(body); }) /
         static_cast<double>(each);
}

void spawn_blocking(const bench::Options& options) {
  Offload offload(options.count("threads"));
  auto collector = [&offload] { collect(offload); };
  spawn(collector, false);
  bench::round_trip_figure(options, [&offload](std::uint64_t in_flight, std::uint64_t each) {
    return round_trips(offload, in_flight, each);
  });
  // The collector still reads the eventfd.
  _exit(0);
}

struct Node {
  std::uint64_t first, leaves, sum;

  void operator()() {
    if (leaves == 1) {
      sum = first;
      return;
    }
    const std::uint64_t share = leaves / bench::kSkynetChildren;
    Node nodes[bench::kSkynetChildren];
    Thread children[bench::kSkynetChildren];
    for (std::uint64_t i = 0; i < bench::kSkynetChildren; ++i) {
      nodes[i] = {first + i * share, share, 0};
      children[i] = spawn(nodes[i]);
    }
    for (std::uint64_t i = 0; i < bench::kSkynetChildren; ++i) {
      children[i].join();
      sum += nodes[i].sum;
    }
  }
};

void skynet(const bench::Options& options) {
  const std::uint64_t leaves = bench::skynet_leaves(options);
  const auto build = [leaves] {
    Node root{0, leaves, 0};
    spawn(root).join();
    return root.sum;
  };
  bench::figure("peer", bench::warm_skynet_milliseconds(leaves, build), "ms");
  bench::peak_figure();
}

void lock(const bench::Options& options) {
  st_mutex_t mutex = st_mutex_new();
  bench::step_figure(options.count("total"), "ns/pair", [mutex] {
    st_mutex_lock(mutex);
    st_mutex_unlock(mutex);
  });
}

struct Hopper {
  std::uint64_t rounds;
  st_mutex_t mutex;
  st_cond_t changed;
  int mine;
  int* turn;
};

void hop_by_condition(const Hopper& self) {
  for (std::uint64_t i = 0; i < self.rounds; ++i) {
    while (*self.turn != self.mine) st_cond_wait(self.changed);
    *self.turn = 1 - self.mine;
    st_cond_signal(self.changed);
  }
}

/// Whoever unlocks hands the mutex to the other, who waits for it, and then waits himself.
void hop_by_mutex(const Hopper& self) {
  st_mutex_lock(self.mutex);
  for (std::uint64_t i = 0; i < self.rounds; ++i) {
    st_mutex_unlock(self.mutex);
    st_mutex_lock(self.mutex);
  }
  st_mutex_unlock(self.mutex);
}

template <class Hop>
void hops(const bench::Options& options, Hop hop) {
  const std::uint64_t rounds = (options.count("total") + 1) / 2;
  st_mutex_t mutex = st_mutex_new();
  st_cond_t changed = st_cond_new();
  const auto slice = [&] {
    int turn = -1;  // nobody's, until the clock starts
    Hopper first{rounds, mutex, changed, 0, &turn}, second{rounds, mutex, changed, 1, &turn};
    st_mutex_lock(mutex);  // until both wait for it
    auto run_first = [&] { hop(first); };
    auto run_second = [&] { hop(second); };
    const Thread one = spawn(run_first), other = spawn(run_second);
    st_usleep(0);
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    turn = 0;
    st_cond_broadcast(changed);
    st_mutex_unlock(mutex);
    one.join();
    other.join();
    stopwatch.stop();
    return stopwatch.nanoseconds_per(2 * rounds);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/hop");
}

void mutex(const bench::Options& options) { hops(options, hop_by_mutex); }

/// Its condition variables need no mutex: nothing else runs between the look and the wait.
void condition(const bench::Options& options) { hops(options, hop_by_condition); }

struct Sleeper {
  std::chrono::microseconds time;

  void operator()() const { st_usleep(static_cast<st_utime_t>(time.count())); }
};

void sleep(const bench::Options& options) { bench::sleep_figure<Sleeper>(options.count("tasks"), spawn_body); }

using Timed = bench::EchoTimed<bench::CpuStopwatch>;

struct Connection {
  st_netfd_t fd;
  Timed* timed;

  void operator()() const {
    const auto read = [this](char* to, std::size_t size) { return st_read(fd, to, size, ST_UTIME_NO_TIMEOUT); };
    const auto write = [this](const char* from, std::size_t size) {
      return st_write(fd, from, size, ST_UTIME_NO_TIMEOUT);
    };
    bench::echo_messages(*timed, read, write);
    st_netfd_close(fd);
  }
};

void serve(int listening, std::uint64_t connections, Timed& timed) {
  st_netfd_t listener = st_netfd_open_socket(listening);
  const auto accept = [listener, &timed] {
    const Connection accepted{st_accept(listener, nullptr, nullptr, ST_UTIME_NO_TIMEOUT), &timed};
    if (accepted.fd == nullptr) bench::throw_errno("st_accept");
    return accepted;
  };
  bench::serve_in_threads<Connection>(connections, accept, [](Connection& connection) { return spawn(connection); });
  st_netfd_close(listener);
}

void echo(const bench::Options& options) {
  // Debian builds it with select() only.
  if (options.count("connections") + 16 > FD_SETSIZE) bench::unable("its select() has room for 1,024 descriptors");
  bench::echo_figure<bench::CpuStopwatch>(options, 0, serve);
}

}  // namespace

int main(int argc, char** argv) {
  if (st_init() != 0) bench::throw_errno("st_init");
  return bench::run_peer(argc, argv,
      {{"yield", yield}, {"spawn_join", spawn_join}, {"spawn_batch", spawn_batch}, {"parked", parked},
       {"spawn_blocking", spawn_blocking}, {"skynet", skynet}, {"lock", lock}, {"mutex", mutex},
       {"condition", condition}, {"sleep", sleep}, {"echo", echo}});
}
