// Threads of the operating system doing the same work as our own programs, one figure a run: what the library is used
// instead of. They are timed as a process, for each of them does a part. On one processor a hop is a switch by the
// kernel. 10,000 of them, or 100,000, are more than many a machine allows: there it has none.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "options.hpp"
#include "peers/echo_peer.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

constexpr std::uint64_t kMostThreads = 1000;
constexpr std::uint64_t kMostSteps = 10'000;

void spawn_join(const bench::Options& options) {
  const std::uint64_t total = std::min(options.count("total"), kMostSteps);
  const auto slice = [total] {
    return bench::nanoseconds_per_step<bench::ProcessStopwatch>(total, [] { std::thread([] {}).join(); });
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/task");
}

void lock(const bench::Options& options) {
  std::mutex mutex;
  // As in any program that uses threads: the C library leaves out what it can while there is only one.
  std::atomic<bool> ended{false};
  std::thread other([&ended] { ended.wait(false); });
  bench::step_figure(options.count("total"), "ns/pair", [&mutex] {
    mutex.lock();
    mutex.unlock();
  });
  ended = true;
  ended.notify_one();
  other.join();
}

void condition(const bench::Options& options) {
  const std::uint64_t rounds = (std::min(options.count("total"), kMostSteps) + 1) / 2;
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0;
  const auto run = [&](int mine) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      std::unique_lock<std::mutex> held(mutex);
      changed.wait(held, [&] { return turn == mine; });
      turn = 1 - mine;
      held.unlock();
      changed.notify_one();
    }
  };
  const auto slice = [&] {
    bench::ProcessStopwatch stopwatch;
    stopwatch.start();
    std::thread one(run, 0), other(run, 1);
    one.join();
    other.join();
    stopwatch.stop();
    return stopwatch.nanoseconds_per(2 * rounds);
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/hop");
}

/// The usual queue: a vector under a mutex that is swapped out as a whole, and a condition variable.
void mpsc(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  const auto slice = [total] {
    std::mutex mutex;
    std::condition_variable some;
    std::vector<std::uint64_t> sent, taken;
    bench::WallStopwatch stopwatch;
    stopwatch.start();
    std::thread sending([&] {
      for (std::uint64_t i = 0; i < total; ++i) {
        bool was_empty;
        {
          const std::lock_guard<std::mutex> held(mutex);
          was_empty = sent.empty();
          sent.push_back(i);
        }
        if (was_empty) some.notify_one();
      }
    });
    for (std::uint64_t received = 0; received < total; received += taken.size()) {
      taken.clear();
      std::unique_lock<std::mutex> held(mutex);
      some.wait(held, [&sent] { return !sent.empty(); });
      taken.swap(sent);
    }
    stopwatch.stop();
    sending.join();
    return stopwatch.nanoseconds_per(total);
  };
  bench::figure("peer", bench::median(bench::in_slices(slice)), "ns/message");
}

/// A thread for each connection, all on the server's processor. They count together, so one mutex guards the count.
void serve(int listening, std::uint64_t connections, bench::EchoTimed<bench::ProcessStopwatch>& timed) {
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < connections; ++i) {
    const int fd = accept(listening, nullptr, nullptr);
    if (fd < 0) bench::throw_errno("accept");
    threads.emplace_back([fd, &mutex, &timed] {
      const auto count = [&mutex, &timed] {
        const std::lock_guard<std::mutex> held(mutex);
        timed();
      };
      bench::echo_messages(
          count, [fd](char* buffer, std::size_t size) { return recv(fd, buffer, size, 0); },
          [fd](const char* buffer, std::size_t size) { return send(fd, buffer, size, MSG_NOSIGNAL); });
      close(fd);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  close(listening);
}

void echo(const bench::Options& options) {
  if (options.count("connections") > kMostThreads) bench::unable("a thread for each of so many connections");
  bench::echo_figure<bench::ProcessStopwatch>(options, 0, serve);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer(argc, argv,
      {{"spawn_join", spawn_join}, {"lock", lock}, {"condition", condition}, {"mpsc", mpsc}, {"echo", echo}});
}
