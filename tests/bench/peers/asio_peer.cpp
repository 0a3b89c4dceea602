// Boost.Asio doing the same work as our own programs, one figure a run, on one io_context that is told that one thread
// runs it. Fibers are its stackful coroutines (asio::spawn), which cannot be joined: when run() returns, they have
// ended. Where callbacks are the quicker way, which they mostly are, it is given callbacks.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "clock.hpp"
#include "options.hpp"
#include "peers/echo_peer.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "sleep_times.hpp"
#include "slices.hpp"
#include "yield_round.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Runs `f` as a stackful coroutine of the context. Given the context itself, spawn() would make a strand for each of
/// them, which one thread has no use for; so it is given a handler that is bound to the context.
template <class F>
void spawn(asio::io_context& context, F f) {
  asio::spawn(asio::bind_executor(context.get_executor(), [] {}), std::move(f),
              boost::coroutines::attributes(16 * 1024));
}

void yield(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  const std::uint64_t each = bench::YieldRound::yields_each(tasks, options.count("total"));
  const auto slice = [tasks, each] {
    asio::io_context context(1);
    bench::YieldRound round(tasks, each);
    for (std::uint64_t i = 0; i < tasks; ++i) {
      spawn(context, [&](asio::yield_context self) { round.run_task([&] { asio::post(context, self); }); });
    }
    context.run();
    return round.nanoseconds_per_yield();
  };
  bench::figure("peer", bench::least(bench::in_slices(slice)), "ns/yield");
}

void spawn_join(const bench::Options& options) {
  asio::io_context context(1);
  bench::step_figure(options.count("total"), "ns/task", [&context] {
    spawn(context, [](const asio::yield_context&) {});
    context.run();
    context.restart();
  });
}

double batch(std::uint64_t tasks) {
  asio::io_context context(1);
  bench::CpuStopwatch stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < tasks; ++i) {
    spawn(context, [](const asio::yield_context&) {});
  }
  context.run();
  stopwatch.stop();
  return stopwatch.nanoseconds_per(tasks);
}

void spawn_batch(const bench::Options& options) {
  const std::uint64_t tasks = options.count("tasks");
  bench::batch_figure(options, [tasks] { return batch(tasks); });
}

/// A job on the pool that posts its own return; submitted again when it is back.
class Job {
 public:
  Job(asio::io_context& context, asio::thread_pool& pool, std::uint64_t each)
      : context_(context), pool_(pool), left_(each) {}

  void submit() {
    asio::post(pool_, [this] {
      asio::post(context_, [this] {
        if (--left_ > 0) submit();
      });
    });
  }

 private:
  asio::io_context& context_;
  asio::thread_pool& pool_;
  std::uint64_t left_;  // the context's thread
};

double round_trips(asio::thread_pool& pool, std::uint64_t in_flight, std::uint64_t each) {
  asio::io_context context(1);
  std::vector<Job> jobs(in_flight, Job(context, pool, each));
  std::uint64_t total = in_flight * each;
  bench::WallStopwatch stopwatch;
  stopwatch.start();
  // Returns of jobs are all it has to do, so they are counted: run() would end while all jobs are on the pool.
  auto guard = asio::make_work_guard(context);
  for (Job& job : jobs) job.submit();
  while (total > 0) total -= context.run_one();
  stopwatch.stop();
  return stopwatch.nanoseconds_per(in_flight * each);
}

void spawn_blocking(const bench::Options& options) {
  asio::thread_pool pool(options.count("threads"));
  round_trips(pool, options.count("in_flight"), 10);  // the threads start
  bench::round_trip_figure(options, [&pool](std::uint64_t in_flight, std::uint64_t each) {
    return round_trips(pool, in_flight, each);
  });
  pool.join();
}

void sleep(const bench::Options& options) {
  const auto times = bench::sleep_times(options.count("tasks"));
  const auto slice = [&] {
    asio::io_context context(1);
    std::vector<asio::steady_timer> timers;
    timers.reserve(times.size());
    bench::ProcessStopwatch stopwatch;
    stopwatch.start();
    for (const auto time : times) {
      timers.emplace_back(context, time).async_wait([](const boost::system::error_code& failed) {
        if (failed) throw std::runtime_error("a timer was cancelled");
      });
    }
    context.run();
    stopwatch.stop();
    return stopwatch.nanoseconds_per(times.size());
  };
  bench::figure("peer", bench::least_of_three(slice), "ns/sleep");
}

void mpsc(const bench::Options& options) {
  const std::uint64_t total = options.count("total");
  const auto slice = [total] {
    asio::io_context context(1);
    std::uint64_t received = 0;
    bench::WallStopwatch stopwatch;
    stopwatch.start();
    auto guard = asio::make_work_guard(context);
    std::thread sending([&context, &received, total] {
      for (std::uint64_t i = 0; i < total; ++i) {
        asio::post(context, [&received] { ++received; });
      }
    });
    while (received < total) context.run_one();
    stopwatch.stop();
    sending.join();
    return stopwatch.nanoseconds_per(total);
  };
  bench::figure("peer", bench::median(bench::in_slices(slice)), "ns/message");
}

using Timed = bench::EchoTimed<bench::CpuStopwatch>;

/// Its handler keeps it: when nothing is under way any more, it goes.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket stream, Timed& timed) : stream_(std::move(stream)), timed_(timed) {}

  void read() {
    stream_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](const auto& failed, std::size_t got) {
      if (failed) return;
      // Written at once: so few bytes always find room.
      if (self->stream_.write_some(asio::buffer(self->buffer_, got)) != got) throw std::runtime_error("a short write");
      self->timed_();
      self->read();
    });
  }

 private:
  tcp::socket stream_;
  Timed& timed_;
  std::array<char, 4096> buffer_;
};

void accept_more(tcp::acceptor& listener, std::uint64_t to_come, Timed& timed) {
  if (to_come == 0) return listener.close();
  listener.async_accept([&listener, to_come, &timed](const boost::system::error_code& failed, tcp::socket stream) {
    if (failed) throw std::system_error(failed.value(), std::generic_category(), "async_accept");
    stream.non_blocking(true);
    std::make_shared<Connection>(std::move(stream), timed)->read();
    accept_more(listener, to_come - 1, timed);
  });
}

void serve(int listening, std::uint64_t connections, Timed& timed) {
  asio::io_context context(1);
  tcp::acceptor listener(context, tcp::v4(), listening);
  accept_more(listener, connections, timed);
  context.run();
}

void echo(const bench::Options& options) { bench::echo_figure<bench::CpuStopwatch>(options, 0, serve); }

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer(argc, argv,
      {{"yield", yield}, {"spawn_join", spawn_join}, {"spawn_batch", spawn_batch}, {"spawn_blocking", spawn_blocking},
       {"sleep", sleep}, {"mpsc", mpsc}, {"echo", echo}});
}
