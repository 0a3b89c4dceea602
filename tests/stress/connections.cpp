// Thousands of TCP connections at once on one runtime, each echoing with its content checked; beside them a few through
// which much is pushed both ways against full buffers; and all the time an interval that has to tick.
//
// usage: stress-connections [CONNECTIONS [PUSHERS [MIB [SECONDS]]]]
//
// The clients are a process of their own, because each end needs a descriptor. Ends with 77, skipped, when the system
// does not allow as many as are wanted.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <runtime/runtime.hpp>

#include "connections_clients.hpp"
#include "support/sanitized.hpp"

namespace {

namespace net = runtime::net;
using namespace std::chrono_literals;
using connections::Addresses;
using connections::expect;
using connections::Plan;

constexpr int kSkipped = 77;

/// The 1 ms interval: how often it ticked, how often late, and how late at worst.
struct Ticks {
  static constexpr std::chrono::nanoseconds kLate = 10ms;
  long all = 0, late = 0;
  std::chrono::nanoseconds worst{0};

  [[noreturn]] void count() {
    auto interval = runtime::time::interval(1ms);
    interval.set_missed_tick_behavior(runtime::time::MissedTickBehavior::skip);
    for (;;) {
      const auto scheduled = interval.tick();
      const std::chrono::nanoseconds lateness = runtime::time::Clock::now() - scheduled;
      ++all;
      if (lateness > kLate) ++late;
      worst = std::max(worst, lateness);
    }
  }
};

struct Served {
  std::size_t now = 0, most = 0, ever = 0;
  std::uint64_t bytes = 0;

  void echo(const net::TcpStream& stream) {
    ++ever;
    most = std::max(most, ++now);
    char buffer[4096];
    while (const std::size_t got = stream.read(buffer, sizeof buffer)) {
      stream.write_all(buffer, got);
      bytes += got;
    }
    --now;
  }
};

/// Echoes on all connections until the clients' process, which has the other end of the pipe `alive`, has ended.
void serve(const std::vector<net::TcpListener>& listeners, int alive, Served& served, Ticks& ticks) {
  runtime::scope([&](runtime::Scope& scope) {
    scope.spawn([&] { ticks.count(); });
    for (const auto& listener : listeners) {
      scope.spawn([&] {
        for (;;) {
          scope.spawn([&served, stream = listener.accept().first] { served.echo(stream); });
        }
      });
    }
    runtime::io::wait_readable(alive);
    scope.cancel();
  });
}

/// True: so many descriptors may be open in this process.
bool allow_descriptors(rlim_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= wanted) return true;
  const rlimit raised{wanted, std::max(wanted, limit.rlim_max)};  // beyond the hard limit only root may
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0;
}

/// What the process of the clients does; its exit status.
int be_the_clients(const Plan& plan, const Addresses& addresses) {
  try {
    runtime::run([&] { connections::Clients(plan, addresses).run(); });
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED: the clients: %s\n", error.what());
    return 1;
  }
}

int run(const Plan& plan, std::chrono::seconds limit) {
  const std::size_t connections = plan.talkers + plan.pushers;
  if (!allow_descriptors(connections + 64)) {
    std::printf("skipped: no %zu open descriptors are allowed here (ulimit -n)\n", connections + 64);
    return kSkipped;
  }
  std::vector<net::TcpListener> listeners;
  Addresses addresses;
  for (const char* host : {"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0"}) {
    listeners.push_back(net::TcpListener::bind(host));
    addresses.talkers.push_back(listeners.back().local_addr());
  }
  listeners.push_back(net::TcpListener::bind("127.0.0.1:0"));
  connections::make_buffers_small(listeners.back().fd());
  addresses.pushers = listeners.back().local_addr();

  int alive[2];
  expect(::pipe(alive) == 0, "pipe");
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  expect(child >= 0, "fork");
  if (child == 0) {
    ::close(alive[0]);
    listeners.clear();
    ::_exit(be_the_clients(plan, addresses));
  }
  ::close(alive[1]);

  Served served;
  Ticks ticks;
  try {
    runtime::run([&] { runtime::timeout(limit, [&] { serve(listeners, alive[0], served, ticks); }); });
  } catch (...) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::fprintf(stderr, "after %zu connections, %zu of them open\n", served.ever, served.now);
    throw;
  }
  int status = -1;
  expect(::waitpid(child, &status, 0) == child && status == 0, "the clients have failed");
  ::close(alive[0]);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::printf("%zu connections at once, %.1f MiB echoed, in %.0f ms\n", served.most,
              static_cast<double>(served.bytes) / (1 << 20), took.count());
  std::printf("interval of 1 ms: %ld ticks, %ld of them more than %lld ms late, at worst %.1f ms\n", ticks.all,
              ticks.late, static_cast<long long>(Ticks::kLate / 1ms), static_cast<double>(ticks.worst.count()) / 1e6);
  expect(served.most == connections && served.ever == connections, "the connections were not open at the same time");
  expect(served.bytes == plan.pushers * plan.bytes + plan.talkers * static_cast<std::size_t>(plan.rounds) * 64,
         "the server has echoed another number of bytes");
  expect(ticks.all >= 10, "the interval did not tick");
  expect(ticks.worst < limit / 4, "the interval stood still");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  constexpr bool kSlow = test::kAddressSanitizer || test::kThreadSanitizer;
  const auto argument = [&](int place, std::uint64_t otherwise) {
    return place < count ? std::strtoull(arguments[place], nullptr, 10) : otherwise;
  };
  Plan plan;
  plan.talkers = argument(1, kSlow ? 500 : 10'000);
  plan.pushers = argument(2, 4);
  plan.bytes = argument(3, kSlow ? 4 : 64) << 20;
  plan.rounds = 5;
  try {
    return run(plan, std::chrono::seconds(argument(4, 120)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED: %s\n", error.what());
    return 1;
  }
}
