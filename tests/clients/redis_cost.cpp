// The same client on threads and in fibers: what each costs the processor.

#include "redis_cost.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <hiredis.h>
#include <sys/resource.h>
#include <unistd.h>

namespace clients {
namespace {

constexpr int kConnections = 100;
constexpr int kRepetitions = 3;  // of which the cheapest counts: everything else is the machine's

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One connection and its requests, in order; returns how many were answered rightly.
int count_up(int port, const std::string& key, int requests) {
  const std::unique_ptr<redisContext, Free> connection(redisConnect("127.0.0.1", port));
  if (!connection || connection->err != 0) return 0;
  int right = 0;
  for (int expected = 1; expected <= requests; ++expected) {
    const std::unique_ptr<redisReply, Free> reply(
        static_cast<redisReply*>(redisCommand(connection.get(), "INCR %s", key.c_str())));
    if (!reply) return right;
    right += reply->type == REDIS_REPLY_INTEGER && reply->integer == expected ? 1 : 0;
  }
  return right;
}

// No other run's: each counts from 1.
std::string key(const char* where, int repetition, int connection) {
  return std::string(where) + "-" + std::to_string(::getpid()) + "-" + std::to_string(repetition) + "-" +
         std::to_string(connection);
}

int on_threads(int port, int repetition, int each) {
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kConnections; ++i) {
    threads.emplace_back([&, i] { right += count_up(port, key("thread", repetition, i), each); });
  }
  for (auto& thread : threads) thread.join();
  return right;
}

int in_fibers(runtime::LocalRuntime& runtime, int port, int repetition, int each) {
  return runtime.block_on([&] {
    std::vector<runtime::JoinHandle<int>> tasks;
    for (int i = 0; i < kConnections; ++i) {
      tasks.push_back(runtime::spawn_local([=] { return count_up(port, key("fiber", repetition, i), each); }));
    }
    int right = 0;
    for (auto& task : tasks) right += task.join();
    return right;
  });
}

}  // namespace

bool compare_cost(runtime::LocalRuntime& runtime, const Servers& servers, int requests) {
  const int each = std::max(1, requests / kConnections);
  double threads = std::numeric_limits<double>::max();
  double fibers = threads;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    const double start = processor_seconds();
    const int right_on_threads = on_threads(servers.redis, repetition, each);
    const double middle = processor_seconds();
    const int right_in_fibers = in_fibers(runtime, servers.redis, repetition, each);
    const double end = processor_seconds();
    if (right_on_threads != each * kConnections || right_in_fibers != each * kConnections) {
      std::fprintf(stderr, "of %d requests, right on threads %d, in fibers %d\n", each * kConnections, right_on_threads,
                   right_in_fibers);
      return false;
    }
    threads = std::min(threads, middle - start);
    fibers = std::min(fibers, end - middle);
  }
  std::printf("%d requests with hiredis, processor time: %d threads %.0f ms, %d fibers %.0f ms, ratio %.2f\n",
              each * kConnections, kConnections, threads * 1e3, kConnections, fibers * 1e3, fibers / threads);
  return true;
}

}  // namespace clients
