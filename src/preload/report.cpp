#include "preload/report.hpp"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "preload/held_mutexes.hpp"
#include "preload/visit.hpp"

// What `runtime-run --report` ends with: the calls that were made on fibers, how many of them parked, and the places where
// one held the thread instead.

namespace runtime::preload {

namespace {

constexpr std::int64_t kLong = 1'000'000;  // nanoseconds: a call that holds the thread longer is told with its place

/// One place where a call held the thread.
struct Place {
  static constexpr int kMostFrames = 24;

  const Call* call;
  std::int64_t longest;
  std::uint64_t times;
  int frame_count;
  void* frames[kMostFrames];

  bool is_at(const Call& its_call, void* const* its_frames, int count) const noexcept {
    if (call != &its_call || frame_count != count) return false;
    for (int i = 0; i < count; ++i) {
      if (frames[i] != its_frames[i]) return false;
    }
    return true;
  }
};

struct Places {
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  std::size_t count = 0;
  std::uint64_t untold = 0;  // calls at places that there was no room for
  std::array<Place, 128> all{};
};
constinit Places places;

const char* destination = nullptr;  // a path, or "1" for stderr
int error_output = -1;              // a second number for stderr, which some programs close at their end

std::int64_t now() noexcept {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

void note_place(const Call& call, std::int64_t length) noexcept {
  void* frames[Place::kMostFrames + 2];
  constexpr int kOurs = 2;  // this function and the end of the visit
  const int count = ::backtrace(frames, Place::kMostFrames + kOurs) - kOurs;
  if (count <= 0) return;
  while (places.lock.test_and_set(std::memory_order_acquire)) __builtin_ia32_pause();
  Place* found = nullptr;
  for (std::size_t i = 0; i < places.count && found == nullptr; ++i) {
    if (places.all[i].is_at(call, frames + kOurs, count)) found = &places.all[i];
  }
  if (found == nullptr && places.count < places.all.size()) {
    found = &places.all[places.count++];
    found->call = &call;
    found->frame_count = count;
    for (int i = 0; i < count; ++i) found->frames[i] = frames[kOurs + i];
  }
  if (found != nullptr) {
    ++found->times;
    if (length > found->longest) found->longest = length;
  } else {
    ++places.untold;
  }
  places.lock.clear(std::memory_order_release);
}

void write_places(std::FILE* out) {
  for (std::size_t i = 0; i < places.count; ++i) {
    const Place& place = places.all[i];
    std::fprintf(out, "%s held the thread for more than 1 ms: %llu times, at most %.1f ms\n", place.call->name,
                 static_cast<unsigned long long>(place.times), static_cast<double>(place.longest) / 1e6);
    char** symbols = ::backtrace_symbols(place.frames, place.frame_count);
    for (int frame = 0; frame < place.frame_count; ++frame) {
      if (symbols != nullptr) std::fprintf(out, "    #%d %s\n", frame, symbols[frame]);
      else std::fprintf(out, "    #%d %p\n", frame, place.frames[frame]);
    }
    std::free(symbols);
  }
  if (places.untold > 0) {
    std::fprintf(out, "and %llu times more at places that are not listed\n", static_cast<unsigned long long>(places.untold));
  }
}

std::FILE* open_destination() noexcept {
  const bool is_file = destination[0] != '1' || destination[1] != '\0';
  std::FILE* out = is_file ? std::fopen(destination, "ae") : nullptr;
  if (out != nullptr) return out;
  out = ::fdopen(error_output, "a");
  if (out != nullptr && is_file) std::fprintf(out, "runtime-run: the report cannot be written to %s\n", destination);
  return out;
}

// Not of children that have no fibers: there is nothing to say of them.
void write_report() {
  if (!process.has_met_fibers.load(std::memory_order_relaxed)) return;
  std::FILE* out = open_destination();
  if (out == nullptr) return;
  std::fprintf(out, "runtime-run: %s (process %d): calls on fibers%s\n  %-24s %12s %12s\n",
               program_invocation_short_name, static_cast<int>(::getpid()), process.is_complete ? "" : " (by name; bare system calls are seen with --complete)", "call", "made", "parked");
  std::uint64_t made = 0, parked = 0;
  for (const Call& call : all_calls()) {
    const auto calls = call.on_fibers.load(std::memory_order_relaxed);
    const auto parks = call.parked.load(std::memory_order_relaxed);
    made += calls;
    parked += parks;
    if (calls != 0) {
      std::fprintf(out, "  %-24s %12llu %12llu\n", call.name, static_cast<unsigned long long>(calls),
                   static_cast<unsigned long long>(parks));
    }
  }
  std::fprintf(out, "  %-24s %12llu %12llu\n", "all", static_cast<unsigned long long>(made),
               static_cast<unsigned long long>(parked));
  const auto with_locks = parks_with_mutexes.load(std::memory_order_relaxed);
  std::fprintf(out, "parked while holding a pthread mutex: %llu\n", static_cast<unsigned long long>(with_locks));
  write_places(out);
  std::fclose(out);
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
    return;
  }
  const int errno_before = errno;
  const std::int64_t length = now() - began_;
  if (length > kLong) note_place(call_, length);
  errno = errno_before;
}

void begin_report() noexcept {
  destination = ::secure_getenv("RUNTIME_PRELOAD_REPORT");  // of a set-uid program nobody chooses the files
  if (destination == nullptr || destination[0] == '\0') return;
  error_output = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
  void* frame;
  ::backtrace(&frame, 1);  // loads the unwinder now, and not on a fiber
  process.counts = true;
  runtime_companion_watch_switches();
  std::atexit(&write_report);
}

}  // namespace runtime::preload
