// libuv doing the same work as our own programs, one figure a run: callbacks on one loop. It has no tasks to switch
// between, so only what leaves the thread or waits for the kernel is here.

#include <uv.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "options.hpp"
#include "peers/echo_peer.hpp"
#include "peers/peer.hpp"
#include "report.hpp"
#include "sleep_times.hpp"
#include "slices.hpp"

namespace {

void check(int code, const char* what) {
  if (code >= 0) return;
  std::fprintf(stderr, "%s: %s\n", what, uv_strerror(code));
  std::exit(1);
}

/// Runs until nothing is left to wait for.
void run(uv_loop_t& loop) { check(uv_run(&loop, UV_RUN_DEFAULT), "uv_run"); }

struct Jobs {
  std::uint64_t to_submit;
};

void submit(uv_loop_t* loop, uv_work_t& job) {
  const auto nothing = [](uv_work_t*) {};
  const auto back = [](uv_work_t* self, int status) {
    check(status, "a job");
    Jobs& jobs = *static_cast<Jobs*>(self->data);
    if (jobs.to_submit == 0) return;
    --jobs.to_submit;
    submit(self->loop, *self);
  };
  check(uv_queue_work(loop, &job, nothing, back), "uv_queue_work");
}

double round_trips(uv_loop_t& loop, std::uint64_t in_flight, std::uint64_t each) {
  std::vector<uv_work_t> all(in_flight);
  Jobs jobs{in_flight * (each - 1)};
  bench::WallStopwatch stopwatch;
  stopwatch.start();
  for (uv_work_t& job : all) {
    job.data = &jobs;
    submit(&loop, job);
  }
  run(loop);
  stopwatch.stop();
  return stopwatch.nanoseconds_per(in_flight * each);
}

void spawn_blocking(const bench::Options& options) {
  setenv("UV_THREADPOOL_SIZE", std::to_string(options.count("threads")).c_str(), 1);
  uv_loop_t loop;
  check(uv_loop_init(&loop), "uv_loop_init");
  round_trips(loop, options.count("in_flight"), 10);  // the threads start
  bench::round_trip_figure(options, [&loop](std::uint64_t in_flight, std::uint64_t each) {
    return round_trips(loop, in_flight, each);
  });
}

void sleep(const bench::Options& options) {
  const auto times = bench::sleep_times(options.count("tasks"));
  std::vector<uv_timer_t> timers(times.size());
  uv_loop_t loop;
  check(uv_loop_init(&loop), "uv_loop_init");
  const auto slice = [&] {
    bench::ProcessStopwatch stopwatch;
    stopwatch.start();
    uv_update_time(&loop);
    for (std::size_t i = 0; i < times.size(); ++i) {
      check(uv_timer_init(&loop, &timers[i]), "uv_timer_init");
      const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(times[i]).count();
      const auto fired = [](uv_timer_t* self) { uv_close(reinterpret_cast<uv_handle_t*>(self), nullptr); };
      check(uv_timer_start(&timers[i], fired, static_cast<std::uint64_t>(milliseconds), 0), "uv_timer_start");
    }
    run(loop);
    stopwatch.stop();
    return stopwatch.nanoseconds_per(times.size());
  };
  bench::figure("peer", bench::least_of_three(slice), "ns/sleep");
}

/// What another thread has sent: a list under a mutex, and a handle that wakes the loop; many wakes are one.
struct Inbox {
  uv_async_t news;
  std::mutex mutex;
  std::vector<std::uint64_t> sent;  // guarded by mutex
  std::vector<std::uint64_t> taken;
  std::uint64_t received = 0, total = 0;

  void take() {
    {
      const std::lock_guard<std::mutex> held(mutex);
      taken.swap(sent);
    }
    received += taken.size();
    taken.clear();
    if (received == total) uv_close(reinterpret_cast<uv_handle_t*>(&news), nullptr);
  }

  void send(std::uint64_t value) {
    bool was_empty;
    {
      const std::lock_guard<std::mutex> held(mutex);
      was_empty = sent.empty();
      sent.push_back(value);
    }
    if (was_empty) check(uv_async_send(&news), "uv_async_send");
  }
};

void mpsc(const bench::Options& options) {
  uv_loop_t loop;
  check(uv_loop_init(&loop), "uv_loop_init");
  const auto slice = [&] {
    Inbox inbox;
    inbox.total = options.count("total");
    check(uv_async_init(&loop, &inbox.news, [](uv_async_t* self) { static_cast<Inbox*>(self->data)->take(); }),
          "uv_async_init");
    inbox.news.data = &inbox;
    bench::WallStopwatch stopwatch;
    stopwatch.start();
    std::thread sending([&inbox] {
      for (std::uint64_t i = 0; i < inbox.total; ++i) inbox.send(i);
    });
    run(loop);
    stopwatch.stop();
    sending.join();
    return stopwatch.nanoseconds_per(inbox.total);
  };
  bench::figure("peer", bench::median(bench::in_slices(slice)), "ns/message");
}

using Timed = bench::EchoTimed<bench::CpuStopwatch>;

struct Server {
  uv_tcp_t listener;
  std::uint64_t to_come;
  Timed* timed;
};

struct Connection {
  uv_tcp_t stream;
  Timed* timed;
  char buffer[4096];
};

void end(Connection* self) {
  uv_close(reinterpret_cast<uv_handle_t*>(&self->stream), [](uv_handle_t* handle) {
    const std::unique_ptr<Connection> owned(static_cast<Connection*>(handle->data));
  });
}

void lend(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
  Connection& self = *static_cast<Connection*>(handle->data);
  *buffer = uv_buf_init(self.buffer, sizeof self.buffer);
}

void answer(uv_stream_t* stream, ssize_t got, const uv_buf_t*) {
  auto* const self = static_cast<Connection*>(stream->data);
  if (got < 0) return end(self);
  // Tried at once, without a request: the quickest way it documents. So few bytes are never written in part.
  const uv_buf_t back = uv_buf_init(self->buffer, static_cast<unsigned>(got));
  check(uv_try_write(stream, &back, 1) == got ? 0 : UV_EIO, "uv_try_write");
  (*self->timed)();
}

void welcome(uv_stream_t* listener, int status) {
  check(status, "a connection");
  Server& server = *static_cast<Server*>(listener->data);
  auto owned = std::make_unique<Connection>();
  Connection* const self = owned.release();  // its handle's until that is closed
  self->timed = server.timed;
  check(uv_tcp_init(listener->loop, &self->stream), "uv_tcp_init");
  self->stream.data = self;
  auto* const stream = reinterpret_cast<uv_stream_t*>(&self->stream);
  check(uv_accept(listener, stream), "uv_accept");
  check(uv_read_start(stream, lend, answer), "uv_read_start");
  if (--server.to_come == 0) uv_close(reinterpret_cast<uv_handle_t*>(listener), nullptr);
}

void serve(int listening, std::uint64_t connections, Timed& timed) {
  uv_loop_t loop;
  check(uv_loop_init(&loop), "uv_loop_init");
  Server server{{}, connections, &timed};
  check(uv_tcp_init(&loop, &server.listener), "uv_tcp_init");
  check(uv_tcp_open(&server.listener, listening), "uv_tcp_open");
  server.listener.data = &server;
  check(uv_listen(reinterpret_cast<uv_stream_t*>(&server.listener), 1024, welcome), "uv_listen");
  run(loop);
  check(uv_loop_close(&loop), "uv_loop_close");
}

void echo(const bench::Options& options) { bench::echo_figure<bench::CpuStopwatch>(options, SOCK_NONBLOCK, serve); }

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer(argc, argv,
      {{"spawn_blocking", spawn_blocking}, {"sleep", sleep}, {"mpsc", mpsc}, {"echo", echo}});
}
