#include <runtime/openmetrics.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "metrics/histogram_scale.hpp"

namespace runtime::inline v1 {
namespace detail {

struct MetricsAccess {
  static const HistogramCounts& poll_time(const RuntimeMetrics& metrics) noexcept { return metrics.poll_time_; }
  static const HistogramCounts& schedule_latency(const RuntimeMetrics& metrics) noexcept {
    return metrics.schedule_latency_;
  }
};

namespace {

/// Nanoseconds as seconds, exactly and whatever the locale.
std::string seconds(std::uint64_t nanos) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  std::string fraction = std::to_string(kSecond + nanos % kSecond).substr(1);
  fraction.erase(std::max<std::size_t>(fraction.find_last_not_of('0') + 1, 1));
  return std::to_string(nanos / kSecond) + "." + fraction;
}

class Writer final {
 public:
  Writer(void* text, void (*append)(void* text, const char* piece, std::size_t size)) : text_(text), append_(append) {}

  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    describe(name, "counter", help);
    sample(name, "", std::to_string(value));
  }
  void seconds_counter(std::string_view name, std::string_view help, std::uint64_t nanos) {
    describe(name, "counter", help);
    sample(name, "", seconds(nanos));
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    describe(name, "gauge", help);
    sample(name, "", std::to_string(value));
  }
  // A bucket counts all that is shorter, too; the last has no end and so is the count of all.
  void histogram(std::string_view name, std::string_view help, const HistogramCounts& counts) {
    if (counts.size() == 0) return;
    describe(name, "histogram", help);
    std::uint64_t total = 0;
    for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
      total += counts.count(bucket);
      const std::uint64_t end = counts.range(bucket).end;
      const std::string limit = end == metrics::HistogramScale::kNoEnd ? "+Inf" : seconds(end);
      sample(name, "_bucket{le=\"" + limit + "\"}", std::to_string(total));
    }
    sample(name, "_sum", seconds(counts.sum()));
    sample(name, "_count", std::to_string(total));
  }
  void end() { put("# EOF\n"); }

 private:
  void describe(std::string_view name, std::string_view type, std::string_view help) {
    put("# HELP "), put(name), put(" "), put(help), put("\n");
    put("# TYPE "), put(name), put(" "), put(type), put("\n");
  }
  void sample(std::string_view name, std::string_view suffix, std::string_view value) {
    put(name), put(suffix), put(" "), put(value), put("\n");
  }
  void put(std::string_view piece) { append_(text_, piece.data(), piece.size()); }

  void* text_;
  void (*append_)(void* text, const char* piece, std::size_t size);
};

}  // namespace

void write_openmetrics(const RuntimeMetrics& metrics, void* text,
                       void (*append)(void* text, const char* piece, std::size_t size)) {
  Writer out(text, append);
  out.gauge("runtime_alive_tasks", "Spawned tasks that have not ended.", metrics.num_alive_tasks());
  out.counter("runtime_spawned_tasks_total", "Tasks ever spawned.", metrics.spawned_tasks_count());
  out.gauge("runtime_global_queue_depth", "Tasks made ready by other threads and not yet taken.",
            metrics.global_queue_depth());
  out.gauge("runtime_local_queue_depth", "Ready tasks in the run queue.", metrics.local_queue_depth());
  out.gauge("runtime_blocking_queue_depth", "Blocking closures that wait for a pool thread.",
            metrics.blocking_queue_depth());
  out.gauge("runtime_blocking_threads", "Pool threads.", metrics.num_blocking_threads());
  out.gauge("runtime_idle_blocking_threads", "Pool threads without work.", metrics.num_idle_blocking_threads());
  out.counter("runtime_worker_parks_total", "Times the owner thread went to sleep.", metrics.worker_park_count());
  out.counter("runtime_worker_noops_total", "Times it went to sleep without having resumed a task since it last did.",
              metrics.worker_noop_count());
  out.counter("runtime_worker_polls_total", "Resumes of tasks.", metrics.worker_poll_count());
  out.seconds_counter("runtime_worker_busy_seconds_total", "Time inside block_on and not asleep.",
                      static_cast<std::uint64_t>(metrics.worker_busy_duration().count()));
  out.counter("runtime_remote_schedules_total", "Wakes and spawns made by other threads.",
              metrics.remote_schedule_count());
  out.counter("runtime_budget_forced_yields_total", "Times a task had used up its budget.",
              metrics.budget_forced_yield_count());
  out.counter("runtime_io_fds_registered_total", "Descriptors ever registered to be watched.",
              metrics.io_fd_registered_count());
  out.counter("runtime_io_ready_total", "Times a watched descriptor became ready.", metrics.io_ready_count());
  out.gauge("runtime_stacks_in_use", "Stacks that a started task has.", metrics.stacks_in_use());
  out.gauge("runtime_stacks_pooled", "Stacks kept for the next task.", metrics.stacks_pooled());
  out.gauge("runtime_stack_resident_bytes", "Bytes of stacks that are in memory.", metrics.stack_bytes_resident());
  out.gauge("runtime_stack_high_water_bytes", "Bytes of the stack that was ever used most.", metrics.stack_high_water());
  out.histogram("runtime_poll_time_seconds", "How long tasks run from resume to suspension.",
                MetricsAccess::poll_time(metrics));
  out.histogram("runtime_schedule_latency_seconds", "How long tasks are ready before they are resumed.",
                MetricsAccess::schedule_latency(metrics));
  out.end();
}

}  // namespace detail
}  // namespace runtime::inline v1
