// GNU Pth doing the same work as our own programs, one figure a run. Its scheduler looks at every waiting thread in
// every step, so the figures grow with their number: it is asked for as much as ends within seconds, and where the
// number of tasks is the point (10,000 that yield, a tree of a million) it has none. Its threads have 16 KiB of stack,
// as all peers'. Its mutex is not handed over, and messages through its ports end in a crash here (Debian 12), so these
// works are not among them.

#include <pth.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include "clock.hpp"
#include "options.hpp"
#include "peers/echo_peer.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "sleep_times.hpp"
#include "slices.hpp"
#include "yield_round.hpp"

namespace {

constexpr std::uint64_t kMostThreads = 1000;
constexpr std::uint64_t kMostSteps = 10'000;
constexpr std::uint64_t kMostMessages = 20'000;  // with fewer, a thousand connections are not yet in their stride

std::uint64_t few(const bench::Options& options, const char* name, std::uint64_t most) {
  return std::min(options.count(name), most);
}

pth_t spawn(void* (*start)(void*), void* argument) {
  static pth_attr_t const attributes = [] {
    pth_attr_t made = pth_attr_new();
    pth_attr_set(made, PTH_ATTR_STACK_SIZE, 16u * 1024);
    pth_attr_set(made, PTH_ATTR_JOINABLE, 1);
    return made;
  }();
  pth_t thread = pth_spawn(attributes, start, argument);
  if (thread == nullptr) {
    throw std::system_error(errno, std::generic_category(), "pth_spawn");
  }
  return thread;
}

void join(pth_t thread) {
  if (pth_join(thread, nullptr) == 0) {
    throw std::system_error(errno, std::generic_category(), "pth_join");
  }
}

void join_all(std::vector<pth_t>& all) {
  for (pth_t thread : all) {
    join(thread);
  }
  all.clear();
}

void* do_nothing(void*) { return nullptr; }

void yield(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  if (tasks > kMostThreads) bench::unable("its scheduler's cost grows with the number of threads");
  const std::uint64_t each = bench::YieldRound::yields_each(tasks, kMostSteps);
  const auto slice = [tasks, each] {
    bench::YieldRound round(tasks, each);
    std::vector<pth_t> all;
    for (std::uint64_t i = 0; i < tasks; ++i) {
      all.push_back(spawn([](void* argument) -> void* {
        static_cast<bench::YieldRound*>(argument)->run_task([] { pth_yield(nullptr); });
        return nullptr;
      }, &round));
    }
    join_all(all);
    return round.nanoseconds_per_yield();
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/yield");
}

void spawn_join(const bench::Options& options) {
  const std::uint64_t total = few(options, "total", kMostSteps);
  const auto slice = [total] {
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    for (std::uint64_t i = 0; i < total; ++i) {
      join(spawn(do_nothing, nullptr));
    }
    stopwatch.stop();
    return stopwatch.nanoseconds_per(total);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/task");
}

double batch(std::uint64_t tasks) {
  std::vector<pth_t> all;
  all.reserve(tasks);
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
  const std::uint64_t tasks = few(options, "tasks", kMostThreads);
  const double first = batch(tasks);
  const bool warm = options.choice("round", {"first", "warm"}) == "warm";
  bench::figure("peer", warm ? bench::least(bench::in_slices([tasks] { return batch(tasks); })) : first, "ns/task");
}

void lock(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  pth_mutex_t mutex;
  pth_mutex_init(&mutex);
  const auto slice = [&] {
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    for (std::uint64_t i = 0; i < total; ++i) {
      pth_mutex_acquire(&mutex, FALSE, nullptr);
      pth_mutex_release(&mutex);
    }
    stopwatch.stop();
    return stopwatch.nanoseconds_per(total);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/pair");
}

struct Hopper {
  std::uint64_t rounds;
  pth_mutex_t mutex;
  pth_cond_t changed;
  int turn;
};

/// Two threads, one of which is always waiting for the other.
void hops(const bench::Options& options, void* (*one)(void*), void* (*other)(void*)) {
  const std::uint64_t rounds = (few(options, "total", kMostSteps) + 1) / 2;
  const auto slice = [&] {
    Hopper hopper{};
    hopper.rounds = rounds;
    pth_mutex_init(&hopper.mutex);
    pth_cond_init(&hopper.changed);
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    pth_t first = spawn(one, &hopper), second = spawn(other, &hopper);
    join(first);
    join(second);
    stopwatch.stop();
    return stopwatch.nanoseconds_per(2 * rounds);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/hop");
}

template <int Mine>
void* hop_by_condition(void* argument) {
  Hopper& self = *static_cast<Hopper*>(argument);
  for (std::uint64_t i = 0; i < self.rounds; ++i) {
    pth_mutex_acquire(&self.mutex, FALSE, nullptr);
    while (self.turn != Mine) pth_cond_await(&self.changed, &self.mutex, nullptr);
    self.turn = 1 - Mine;
    pth_cond_notify(&self.changed, FALSE);
    pth_mutex_release(&self.mutex);
  }
  return nullptr;
}

void condition(const bench::Options& options) { hops(options, hop_by_condition<0>, hop_by_condition<1>); }

void sleep(const bench::Options& options) {
  auto times = bench::sleep_times(few(options, "tasks", kMostThreads));
  std::vector<pth_t> all;
  const auto slice = [&] {
    bench::ProcessStopwatch stopwatch;
    stopwatch.start();
    for (auto& time : times) {
      all.push_back(spawn([](void* argument) -> void* {
        // Not pth_usleep(): it takes less than a second.
        const auto count = static_cast<std::chrono::microseconds*>(argument)->count();
        timespec rest{};
        rest.tv_sec = count / 1'000'000;
        rest.tv_nsec = count % 1'000'000 * 1000;
        if (pth_nanosleep(&rest, nullptr) != 0) {
          throw std::system_error(errno, std::generic_category(), "pth_nanosleep");
        }
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
  int fd;
  Timed* timed;
};

void* serve_one(void* argument) {
  const Connection self = *static_cast<Connection*>(argument);
  char buffer[4096];
  ssize_t got;
  while ((got = pth_read(self.fd, buffer, sizeof buffer)) > 0) {
    if (pth_write(self.fd, buffer, static_cast<std::size_t>(got)) != got) {
      throw std::system_error(errno, std::generic_category(), "pth_write");
    }
    (*self.timed)();
  }
  close(self.fd);
  return nullptr;
}

void serve(int listening, std::uint64_t connections, Timed& timed) {
  std::vector<Connection> all(connections);
  std::vector<pth_t> threads;
  for (Connection& connection : all) {
    connection = {pth_accept(listening, nullptr, nullptr), &timed};
    if (connection.fd < 0) throw std::system_error(errno, std::generic_category(), "pth_accept");
    threads.push_back(spawn(serve_one, &connection));
  }
  join_all(threads);
  close(listening);
}

void echo(const bench::Options& options) {
  if (options.count("connections") + 16 > FD_SETSIZE) bench::unable("its select() has room for 1,024 descriptors");
  bench::echo_figure<bench::CpuStopwatch>(options, 0, serve, kMostMessages);
}

}  // namespace

int main(int argc, char** argv) {
  if (pth_init() == 0) {
    throw std::system_error(errno, std::generic_category(), "pth_init");
  }
  return bench::run_peer(argc, argv,
      {{"yield", yield}, {"spawn_join", spawn_join}, {"spawn_batch", spawn_batch}, {"lock", lock},
       {"condition", condition}, {"sleep", sleep}, {"echo", echo}});
}
