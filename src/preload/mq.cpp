#include <mqueue.h>
#include <poll.h>
#include <time.h>

#include <cerrno>

#include <runtime/posix.h>

#include "preload/closing.hpp"
#include "preload/visit.hpp"

// POSIX message queues: descriptors to Linux, which poll() knows. A limit that has passed makes a call try once.

namespace runtime::preload {
namespace {

constexpr timespec kPassed{0, 0};
constexpr long kSecond = 1'000'000'000;

bool is_valid(const timespec& time) noexcept { return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < kSecond; }

/// What is left until a time of the realtime clock; zero when it has passed.
timespec left_until(const timespec& limit) noexcept {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  timespec left{limit.tv_sec - now.tv_sec, limit.tv_nsec - now.tv_nsec};
  if (left.tv_nsec < 0) left = {left.tv_sec - 1, left.tv_nsec + kSecond};
  return left.tv_sec < 0 ? timespec{0, 0} : left;
}

/// attempt(limit): the call. limit: null for none.
template <class Attempt>
auto park_until_possible(mqd_t queue, short events, const timespec* limit, Attempt attempt) noexcept
    -> decltype(attempt(limit)) {
  if (limit != nullptr && !is_valid(*limit)) return attempt(limit);
  const int errno_before = errno;
  for (bool is_over = false;;) {
    const auto result = attempt(&kPassed);
    if (result >= 0) errno = errno_before;
    if (result >= 0 || errno != ETIMEDOUT || is_over) return result;
    pollfd waited{queue, events, 0};
    timespec left;
    if (limit != nullptr) left = left_until(*limit);
    const int ready = runtime_ppoll(&waited, 1, limit != nullptr ? &left : nullptr, nullptr);
    if (ready < 0) return -1;
    is_over = ready == 0;
  }
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(ssize_t, mq_timedreceive,
                (mqd_t queue, char* text, size_t size, unsigned* priority, const timespec* limit),
                (queue, text, size, priority, limit),
                park_until_possible(queue, POLLIN, limit, [=](const timespec* until) {
                  return next_mq_timedreceive(queue, text, size, priority, until);
                }))

RUNTIME_PRELOAD(ssize_t, mq_receive, (mqd_t queue, char* text, size_t size, unsigned* priority),
                (queue, text, size, priority), park_until_possible(queue, POLLIN, nullptr, [=](const timespec* until) {
                  return next_mq_timedreceive(queue, text, size, priority, until);
                }))

RUNTIME_PRELOAD(int, mq_timedsend,
                (mqd_t queue, const char* text, size_t size, unsigned priority, const timespec* limit),
                (queue, text, size, priority, limit),
                park_until_possible(queue, POLLOUT, limit, [=](const timespec* until) {
                  return next_mq_timedsend(queue, text, size, priority, until);
                }))

RUNTIME_PRELOAD(int, mq_send, (mqd_t queue, const char* text, size_t size, unsigned priority),
                (queue, text, size, priority), park_until_possible(queue, POLLOUT, nullptr, [=](const timespec* until) {
                  return next_mq_timedsend(queue, text, size, priority, until);
                }))

RUNTIME_PRELOAD_NEXT(int, mq_close, (mqd_t))
RUNTIME_PRELOAD_EXPORT(int, mq_close, (mqd_t queue)) {
  using namespace runtime::preload;
  const auto told = [=] { return close_told(queue, [=] { return next_mq_close(queue); }); };
  if (runtime_companion_words* fiber = runtime_companion_here(); __builtin_expect(fiber != nullptr, 0)) {
    const Visit visit(*fiber, __builtin_return_address(0), call_mq_close);
    return visit.is_ours() ? told() : next_mq_close(queue);
  }
  return may_have_waiters(__builtin_return_address(0)) ? told() : next_mq_close(queue);
}
