#include "preload/report.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "preload/held_mutexes.hpp"
#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

constexpr std::int64_t kLong = 1'000'000;  // nanoseconds: a call that holds the thread longer is named

std::int64_t now() noexcept {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

const char* destination = nullptr;  // a path, or "1" for stderr

void write_report() {
  const bool is_file = destination[0] != '\0' && (destination[0] != '1' || destination[1] != '\0');
  std::FILE* out = is_file ? std::fopen(destination, "ae") : stderr;
  if (out == nullptr) {
    std::fprintf(stderr, "runtime-run: the report cannot be written to %s\n", destination);
    out = stderr;
  }
  std::fprintf(out, "runtime-run: calls made on fibers, and those that parked\n");
  for (const Call& call : all_calls()) {
    const auto calls = call.on_fibers.load(std::memory_order_relaxed);
    if (calls == 0) continue;
    std::fprintf(out, "  %-24s %12llu %12llu\n", call.name, static_cast<unsigned long long>(calls),
                 static_cast<unsigned long long>(call.parked.load(std::memory_order_relaxed)));
  }
  if (const auto parks = parks_with_mutexes.load(std::memory_order_relaxed); parks != 0) {
    std::fprintf(out, "runtime-run: %llu times a fiber parked while it held a pthread mutex\n",
                 static_cast<unsigned long long>(parks));
  }
  if (out != stderr) std::fclose(out);
}

}  // namespace

void Visit::begin_counting() noexcept {
  switches_before_ = fiber_.switches;
  began_ = now();
}

void Visit::end_counting() noexcept {
  if (!is_ours_) return;
  call_.on_fibers.fetch_add(1, std::memory_order_relaxed);
  if (fiber_.switches != switches_before_) {
    call_.parked.fetch_add(1, std::memory_order_relaxed);
  }
}

void begin_report() noexcept {
  destination = std::getenv("RUNTIME_PRELOAD_REPORT");
  if (destination == nullptr || destination[0] == '\0') return;
  process.counts = true;
  runtime_companion_watch_switches();
  std::atexit(&write_report);
}

}  // namespace runtime::preload
