// GNU Pth doing the same work as our own programs, one figure a run. Its scheduler looks at every waiting thread in
// every step, so the figures grow with their number: it is asked for as much as ends within seconds, and where the
// number of tasks is the point (10,000 that yield, a tree of a million) it has none. Its threads have 16 KiB of stack,
// as all peers'. Its mutex is not handed over, and messages through its ports end in a crash here (Debian 12), so these
// works are not among them.

#include <pth.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "clock.hpp"
#include "options.hpp"
#include "peers/echo_peer.hpp"
#include "peers/joined_peer.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

constexpr std::uint64_t kMostThreads = 1000;
constexpr std::uint64_t kMostSteps = 10'000;
constexpr std::uint64_t kMostMessages = 20'000;  // with fewer, a thousand connections are not yet in their stride

std::uint64_t few(const bench::Options& options, const char* name, std::uint64_t most) {
  return std::min(options.count(name), most);
}

struct Thread {
  pth_t thread;

  void join() const {
    if (pth_join(thread, nullptr) == 0) bench::throw_errno("pth_join");
  }
};

/// A thread that calls `body`, which stays where it is until then.
template <class Body>
Thread spawn(Body& body) {
  static pth_attr_t const attributes = [] {
    pth_attr_t made = pth_attr_new();
    pth_attr_set(made, PTH_ATTR_STACK_SIZE, 16u * 1024);
    pth_attr_set(made, PTH_ATTR_JOINABLE, 1);
    return made;
  }();
  const Thread made{pth_spawn(attributes, bench::call_body<Body>, &body)};
  if (made.thread == nullptr) bench::throw_errno("pth_spawn");
  return made;
}

auto nothing = [] {};

constexpr auto spawn_body = [](auto& body) { return spawn(body); };

void yield(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  if (tasks > kMostThreads) bench::unable("its scheduler's cost grows with the number of threads");
  bench::yield_figure(tasks, kMostSteps, spawn_body, [] { pth_yield(nullptr); });
}

void spawn_join(const bench::Options& options) {
  bench::step_figure(few(options, "total", kMostSteps), "ns/task", [] { spawn(nothing).join(); });
}

void spawn_batch(const bench::Options& options) {
  bench::joined_batch_figure(options, few(options, "tasks", kMostThreads), spawn_body);
}

void lock(const bench::Options& options) {
  pth_mutex_t mutex;
  pth_mutex_init(&mutex);
  bench::step_figure(options.count("total"), "ns/pair", [&mutex] {
    pth_mutex_acquire(&mutex, FALSE, nullptr);
    pth_mutex_release(&mutex);
  });
}

/// Two threads, one of which is always waiting for the other.
void condition(const bench::Options& options) {
  const std::uint64_t rounds = (few(options, "total", kMostSteps) + 1) / 2;
  const auto slice = [rounds] {
    pth_mutex_t mutex;
    pth_cond_t changed;
    pth_mutex_init(&mutex);
    pth_cond_init(&changed);
    int turn = 0;
    const auto hop = [&](int mine) {
      for (std::uint64_t i = 0; i < rounds; ++i) {
        pth_mutex_acquire(&mutex, FALSE, nullptr);
        while (turn != mine) pth_cond_await(&changed, &mutex, nullptr);
        turn = 1 - mine;
        pth_cond_notify(&changed, FALSE);
        pth_mutex_release(&mutex);
      }
    };
    auto first = [&hop] { hop(0); };
    auto second = [&hop] { hop(1); };
    bench::CpuStopwatch stopwatch;
    stopwatch.start();
    const Thread one = spawn(first), other = spawn(second);
    one.join();
    other.join();
    stopwatch.stop();
    return stopwatch.nanoseconds_per(2 * rounds);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/hop");
}

struct Sleeper {
  std::chrono::microseconds time;

  void operator()() const {
    // Not pth_usleep(): it takes less than a second.
    timespec rest{};
    rest.tv_sec = time.count() / 1'000'000;
    rest.tv_nsec = time.count() % 1'000'000 * 1000;
    if (pth_nanosleep(&rest, nullptr) != 0) bench::throw_errno("pth_nanosleep");
  }
};

void sleep(const bench::Options& options) {
  bench::sleep_figure<Sleeper>(few(options, "tasks", kMostThreads), spawn_body);
}

using Timed = bench::EchoTimed<bench::CpuStopwatch>;

struct Connection {
  int fd;
  Timed* timed;

  void operator()() const {
    const auto read = [this](char* to, std::size_t size) { return pth_read(fd, to, size); };
    const auto write = [this](const char* from, std::size_t size) { return pth_write(fd, from, size); };
    bench::echo_messages(*timed, read, write);
    close(fd);
  }
};

void serve(int listening, std::uint64_t connections, Timed& timed) {
  const auto accept = [listening, &timed] {
    const Connection accepted{pth_accept(listening, nullptr, nullptr), &timed};
    if (accepted.fd < 0) bench::throw_errno("pth_accept");
    return accepted;
  };
  bench::serve_in_threads<Connection>(connections, accept, [](Connection& connection) { return spawn(connection); });
  close(listening);
}

void echo(const bench::Options& options) {
  if (options.count("connections") + 16 > FD_SETSIZE) bench::unable("its select() has room for 1,024 descriptors");
  bench::echo_figure<bench::CpuStopwatch>(options, 0, serve, kMostMessages);
}

}  // namespace

int main(int argc, char** argv) {
  if (pth_init() == 0) bench::throw_errno("pth_init");
  return bench::run_peer(argc, argv,
      {{"yield", yield}, {"spawn_join", spawn_join}, {"spawn_batch", spawn_batch}, {"lock", lock},
       {"condition", condition}, {"sleep", sleep}, {"echo", echo}});
}
