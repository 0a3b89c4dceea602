// Waits that end from outside, for an instruction counter: exactly --count of them, and nothing is timed.
//
// --work sleep: tasks that sleep until the same instant, as many as are counted, spawned, fired and joined.
// --work wake: a task parked on a Notify is woken by another thread. The owner thread stands still while the other one
// wakes a batch, so that it is always the same work: the queue between threads, without the kernel's part.

#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "options.hpp"

namespace {

constexpr std::uint64_t kBatch = 100;

void join_all(std::vector<runtime::JoinHandle<void>>& handles) {
  for (runtime::JoinHandle<void>& handle : handles) {
    handle.join();
  }
}

void sleeps(std::uint64_t count) {
  // Far enough for all to have armed their timers under a slow tool: they fire in one turn of the loop.
  const auto instant = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  std::vector<runtime::JoinHandle<void>> handles;
  handles.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    handles.push_back(runtime::spawn_local([instant] { runtime::sleep_until(instant); }));
  }
  join_all(handles);
}

void wakes(std::uint64_t count) {
  std::vector<runtime::sync::Notify> news(kBatch);
  std::vector<runtime::JoinHandle<void>> handles;
  const std::uint64_t rounds = (count + kBatch - 1) / kBatch;
  std::uint64_t waiting = 0;
  runtime::sync::Notify all_wait;
  for (runtime::sync::Notify& its_news : news) {
    handles.push_back(runtime::spawn_local([&its_news, &waiting, &all_wait, rounds] {
      for (std::uint64_t i = 0; i < rounds; ++i) {
        if (++waiting == kBatch) all_wait.notify_one();
        its_news.notified();
      }
    }));
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
    all_wait.notified();
    waiting = 0;
    std::thread([&news] {
      for (runtime::sync::Notify& its_news : news) its_news.notify_one();
    }).join();
  }
  join_all(handles);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"count", "1000"}, {"work", "sleep"}, {"stacks", "small"}});
  const std::uint64_t count = options.count("count");
  const std::string work = options.choice("work", {"sleep", "wake"});
  runtime::LocalRuntime rt = bench::make_runtime(options);
  rt.block_on([&] { runtime::spawn_local([&] { work == "sleep" ? sleeps(count) : wakes(count); }).join(); });
}
