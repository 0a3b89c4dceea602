// Histograms: their buckets, what falls into them, and schedule latency in hooks.

#include <numeric>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;
using runtime::HistogramConfig;
using runtime::RuntimeMetrics;
using runtime::TaskMeta;
using std::chrono::nanoseconds;

namespace {

RuntimeMetrics metrics_with(const HistogramConfig& config) {
  Checked house(Builder().metrics_poll_time_histogram(config));
  return house.rt.metrics();
}

std::vector<std::uint64_t> poll_times(const RuntimeMetrics& metrics) {
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < metrics.poll_time_histogram_num_buckets(); ++i) {
    counts.push_back(metrics.poll_time_histogram_bucket_count(i));
  }
  return counts;
}

std::vector<std::uint64_t> latencies(const RuntimeMetrics& metrics) {
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < metrics.schedule_latency_histogram_num_buckets(); ++i) {
    counts.push_back(metrics.schedule_latency_histogram_bucket_count(i));
  }
  return counts;
}

std::uint64_t total(const std::vector<std::uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

/// Keeps the thread for at least so long.
void compute_for(nanoseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

TEST_CASE("without a histogram there is none, and every reader says so") {
  Checked house;
  house.rt.block_on([] { runtime::spawn_local([] {}).join(); });
  const RuntimeMetrics metrics = house.rt.metrics();
  CHECK_FALSE(metrics.poll_time_histogram_enabled());
  CHECK_FALSE(metrics.schedule_latency_histogram_enabled());
  CHECK(metrics.poll_time_histogram_num_buckets() == 0);
  CHECK(metrics.schedule_latency_histogram_num_buckets() == 0);
  CHECK(metrics.poll_time_histogram_bucket_count(0) == 0);
  CHECK(metrics.schedule_latency_histogram_bucket_range(3) == RuntimeMetrics::BucketRange{0ns, 0ns});
}

TEST_CASE("linear buckets are equally wide, and the last has no end") {
  const RuntimeMetrics metrics = metrics_with(HistogramConfig::linear(50us, 3));
  CHECK(metrics.poll_time_histogram_enabled());
  CHECK(metrics.poll_time_histogram_num_buckets() == 3);
  CHECK(metrics.poll_time_histogram_bucket_range(0) == RuntimeMetrics::BucketRange{0us, 50us});
  CHECK(metrics.poll_time_histogram_bucket_range(1) == RuntimeMetrics::BucketRange{50us, 100us});
  CHECK(metrics.poll_time_histogram_bucket_range(2) == RuntimeMetrics::BucketRange{100us, nanoseconds::max()});
  CHECK(code_of([&] { static_cast<void>(metrics.poll_time_histogram_bucket_range(3)); }) == Errc::invalid_argument);
  CHECK(code_of([&] { static_cast<void>(metrics.poll_time_histogram_bucket_count(3)); }) == Errc::invalid_argument);
}

TEST_CASE("logarithmic buckets follow each other without a gap, each at most one part in 2^precision wide") {
  CHECK(metrics_with(HistogramConfig::log(100ns, 60s, 2)).poll_time_histogram_num_buckets() == 119);
  for (unsigned precision = 0; precision <= 10; ++precision) {
    CAPTURE(precision);
    const RuntimeMetrics metrics = metrics_with(HistogramConfig::log(1us, 1s, precision));
    const std::size_t buckets = metrics.poll_time_histogram_num_buckets();
    nanoseconds end{0};
    for (std::size_t i = 0; i < buckets; ++i) {
      const auto [from, to] = metrics.poll_time_histogram_bucket_range(i);
      CHECK(from == end);
      CHECK(to > from);
      if (i > 0 && i + 1 < buckets) CHECK((to - from).count() <= (from.count() >> precision) + 1);
      end = to;
    }
    CHECK(end == nanoseconds::max());
    const auto first_end = metrics.poll_time_histogram_bucket_range(0).second;
    CHECK(first_end <= 1us);
    CHECK(first_end >= 1000ns - 1000ns / (1 << precision));
    CHECK(metrics.poll_time_histogram_bucket_range(buckets - 1).first >= 1s);
    CHECK(metrics.poll_time_histogram_bucket_range(buckets - 2).first < 1s);
  }
}

TEST_CASE("configurations that make no sense are refused") {
  CHECK(code_of([] { HistogramConfig::linear(0ns, 3); }) == Errc::invalid_argument);
  CHECK(code_of([] { HistogramConfig::linear(-1s, 3); }) == Errc::invalid_argument);
  CHECK(code_of([] { HistogramConfig::linear(1s, 0); }) == Errc::invalid_argument);
  CHECK(code_of([] { HistogramConfig::linear(1s, std::size_t{1} << 40); }) == Errc::invalid_argument);
  CHECK(code_of([] { HistogramConfig::log(-1ns, 1s, 2); }) == Errc::invalid_argument);
  CHECK(code_of([] { HistogramConfig::log(1s, 1s, 2); }) == Errc::invalid_argument);
  CHECK(code_of([] { HistogramConfig::log(1s, 1ms, 2); }) == Errc::invalid_argument);
  CHECK(code_of([] { HistogramConfig::log(1us, 1s, 11); }) == Errc::invalid_argument);
}

TEST_CASE("each resume of a task is in the poll-time histogram; the root and blocking closures are not") {
  Checked house(Builder().metrics_poll_time_histogram(HistogramConfig::log(100ns, 60s, 2)));
  house.rt.block_on([&] {
    runtime::yield_now();
    runtime::spawn_blocking([] {}).join();
    CHECK(total(poll_times(house.rt.metrics())) == 0);
    for (int i = 0; i < 3; ++i) {
      runtime::spawn_local([] {
        for (int turn = 0; turn < 4; ++turn) runtime::yield_now();
      }).join();
    }
    CHECK(total(poll_times(house.rt.metrics())) == 15);
    CHECK(house.rt.metrics().worker_poll_count() == 15);
  });
  CHECK_FALSE(house.rt.metrics().schedule_latency_histogram_enabled());
}

TEST_CASE("a resume falls into the bucket of its length, in which time parked is not counted") {
  Checked house(Builder().metrics_poll_time_histogram(HistogramConfig::linear(20ms, 2)));
  house.rt.block_on([] {
    runtime::spawn_local([] { compute_for(20ms); }).join();
    runtime::spawn_local([] { runtime::sleep_for(25ms); }).join();
  });
  const auto counts = poll_times(house.rt.metrics());
  CHECK(counts[1] >= 1);  // a busy machine may make one of the others long
  CHECK(counts[0] + counts[1] == 3);
}

TEST_CASE("each resume is in the latency histogram, however the task became ready") {
  Checked house(Builder().metrics_schedule_latency_histogram(HistogramConfig::log(100ns, 60s, 2)));
  const Handle handle = house.rt.handle();
  std::optional<JoinHandle<void>> remote;
  std::thread([&] { remote = handle.spawn([] { wait_for_ever(); }); }).join();
  house.rt.block_on([&] {
    runtime::spawn_local([] { runtime::yield_now(); }).join();           // spawned, gave way
    runtime::spawn_local([] { runtime::sleep_for(1us); }).join();        // woken by a timer
    CHECK(total(latencies(house.rt.metrics())) == house.rt.metrics().worker_poll_count());
    std::thread([&] { remote->abort(); }).join();                        // woken by another thread
    remote->wait();
  });
  const RuntimeMetrics metrics = house.rt.metrics();
  CHECK(total(latencies(metrics)) == metrics.worker_poll_count());
  CHECK(metrics.worker_poll_count() == 6);
  CHECK_FALSE(metrics.poll_time_histogram_enabled());
}

TEST_CASE("schedule latency tells how long a task was ready, in the hooks around its resume only") {
  std::vector<nanoseconds> before, after;
  Checked house(Builder()
                    .metrics_schedule_latency_histogram(HistogramConfig::linear(10ms, 2))
                    .on_task_spawn([](const TaskMeta& meta) { CHECK_FALSE(meta.schedule_latency()); })
                    .on_task_terminate([](const TaskMeta& meta) { CHECK_FALSE(meta.schedule_latency()); })
                    .on_before_task_poll([&](const TaskMeta& meta) { before.push_back(meta.schedule_latency().value()); })
                    .on_after_task_poll([&](const TaskMeta& meta) { after.push_back(meta.schedule_latency().value()); }));
  const Handle handle = house.rt.handle();
  std::optional<JoinHandle<void>> remote;
  house.rt.block_on([&] {
    auto local = runtime::spawn_local([] { runtime::yield_now(); });
    std::thread([&] { remote = handle.spawn([] {}); }).join();
    compute_for(10ms);  // both are ready for at least so long
    local.join();
    remote->join();
  });
  REQUIRE(before.size() == 3);
  CHECK(before[0] >= 10ms);
  CHECK(std::count_if(before.begin(), before.end(), [](nanoseconds latency) { return latency >= 10ms; }) >= 2);
  CHECK(before == after);
  CHECK(latencies(house.rt.metrics())[1] >= 2);
}

TEST_CASE("without the latency histogram hooks are told no latency") {
  int calls = 0;
  const auto none = [&](const TaskMeta& meta) {
    ++calls;
    CHECK_FALSE(meta.schedule_latency());
  };
  Checked house(Builder()
                    .metrics_poll_time_histogram(HistogramConfig::linear(1ms, 2))
                    .on_before_task_poll(none)
                    .on_after_task_poll(none));
  house.rt.block_on([] { runtime::spawn_local([] {}).join(); });
  CHECK(calls == 2);
}

TEST_CASE("latency is measured for closures of every size, and for tasks that are aborted or left to the shutdown") {
  struct alignas(256) Large {
    char bytes[5000];
  };
  std::uint64_t resumes = 0;
  Checked house(Builder()
                    .metrics_schedule_latency_histogram(HistogramConfig::linear(1s, 2))
                    .on_before_task_poll([&](const TaskMeta& meta) {
                      ++resumes;
                      CHECK(meta.schedule_latency() < 60s);
                    }));
  house.rt.block_on([&] {
    Large large{};
    char medium[1024] = {};
    CHECK(runtime::spawn_local([large] { return large.bytes[7]; }).join() == 0);
    CHECK(runtime::spawn_local([medium] { return medium[7]; }).join() == 0);
    CHECK(runtime::spawn_local([] { return std::string(100, 'x'); }).join().size() == 100);
    auto aborted = runtime::spawn_local([] { wait_for_ever(); });
    settle();
    aborted.abort();
    aborted.wait();
    auto unstarted = runtime::spawn_local([] {});
    unstarted.abort();
    unstarted.wait();
    static_cast<void>(runtime::spawn_local([] { wait_for_ever(); }));
    settle();
  });
  CHECK(resumes == 7);
}

TEST_CASE("a snapshot with histograms is a value: copied, assigned, valid after the runtime") {
  std::optional<RuntimeMetrics> kept;
  {
    Checked house(Builder().metrics_poll_time_histogram(HistogramConfig::linear(1s, 2)));
    house.rt.block_on([] { runtime::spawn_local([] {}).join(); });
    RuntimeMetrics metrics = house.rt.metrics();
    house.rt.block_on([] { runtime::spawn_local([] {}).join(); });
    kept = metrics;
    metrics = house.rt.metrics();
    CHECK(total(poll_times(metrics)) == 2);
    metrics = LocalRuntime().metrics();
    CHECK_FALSE(metrics.poll_time_histogram_enabled());
  }
  CHECK(total(poll_times(*kept)) == 1);
}

TEST_CASE("histograms can be read by other threads while the runtime works") {
  Checked house(Builder()
                    .metrics_poll_time_histogram(HistogramConfig::log(100ns, 60s, 2))
                    .metrics_schedule_latency_histogram(HistogramConfig::linear(1us, 10)));
  const Handle handle = house.rt.handle();
  std::atomic<bool> stop{false};
  bool falls = false;
  std::thread reader([&] {
    for (std::uint64_t last = 0; !stop;) {
      const std::uint64_t now = total(poll_times(handle.metrics()));
      falls = falls || now < last;
      last = now;
    }
  });
  house.rt.block_on([] {
    for (int i = 0; i < 2000; ++i) runtime::spawn_local([] { runtime::yield_now(); }).join();
  });
  stop = true;
  reader.join();
  CHECK_FALSE(falls);
  CHECK(total(poll_times(handle.metrics())) == 4000);
  CHECK(total(latencies(handle.metrics())) == 4000);
}
