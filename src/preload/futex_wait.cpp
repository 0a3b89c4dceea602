#include "preload/futex_wait.hpp"

#include <linux/futex.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "preload/pause.hpp"

namespace runtime::preload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kForever = INT64_MAX;
constexpr std::int64_t kFirstPause = 50'000;     // nanoseconds
constexpr std::int64_t kLongestPause = 4'000'000;

std::int64_t nanoseconds(const timespec& time) noexcept {
  if (time.tv_sec > kForever / kSecond - 1) return kForever;
  return time.tv_sec * kSecond + time.tv_nsec;
}

std::int64_t now(clockid_t clock) noexcept {
  timespec time;
  ::clock_gettime(clock, &time);
  return nanoseconds(time);
}

}  // namespace

long wait_on_futex(const std::uint32_t* word, int operation, std::uint32_t expected, const timespec* limit) noexcept {
  const auto has_changed = [&] { return __atomic_load_n(word, __ATOMIC_SEQ_CST) != expected; };
  if (has_changed()) return -EAGAIN;
  if (limit != nullptr && (limit->tv_nsec < 0 || limit->tv_nsec >= kSecond || limit->tv_sec < 0)) return -EINVAL;
  const clockid_t clock = (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  std::int64_t deadline = kForever;
  if (limit != nullptr) {
    const std::int64_t length = nanoseconds(*limit);
    const bool is_absolute = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    const std::int64_t start = is_absolute ? 0 : now(clock);
    deadline = length > kForever - start ? kForever : start + length;
  }
  std::int64_t pause = kFirstPause;
  // With a limit until it is over: a caller that waits again would begin it anew.
  for (; pause <= kLongestPause || limit != nullptr; pause *= 2) {
    std::int64_t length = std::min(pause, kLongestPause);
    if (deadline != kForever) {
      const std::int64_t left = deadline - now(clock);
      if (left <= 0) return -ETIMEDOUT;
      length = std::min(length, left);
    }
    preload::pause(length);
    if (has_changed()) return 0;
  }
  return 0;
}

}  // namespace runtime::preload
