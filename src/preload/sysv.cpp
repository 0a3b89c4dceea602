#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "preload/on_pool.hpp"
#include "preload/pauses.hpp"
#include "preload/visit.hpp"

// System V queues and semaphores: the kernel tells nobody when they are ready, so a fiber looks again. It has no place
// in the kernel's row meanwhile: a thread that waits beside it may come first.

namespace runtime::preload {
namespace {

/// attempt(): the call with IPC_NOWAIT, which fails with `busy` when it would wait.
template <class Attempt>
auto look_until_possible(int busy, Attempt attempt) noexcept -> decltype(attempt()) {
  const int errno_before = errno;
  Pauses pauses;
  for (;;) {
    const auto result = attempt();
    if (result >= 0) errno = errno_before;
    if (result >= 0 || errno != busy) return result;
    if (!pauses.pause()) return -1;
  }
}

std::int64_t now() noexcept {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

/// semop() and semtimedop(): next(operations, limit) is the original.
template <class Next>
int operate(sembuf* operations, std::size_t count, const timespec* limit, Next next) noexcept {
  std::array<sembuf, 64> tried;
  const auto is_impatient = [](const sembuf& operation) { return (operation.sem_flg & IPC_NOWAIT) != 0; };
  const bool is_limit_valid =
      limit == nullptr || (limit->tv_sec >= 0 && limit->tv_nsec >= 0 && limit->tv_nsec < 1'000'000'000);
  if (count == 0 || operations == nullptr || !is_limit_valid) return next(operations, limit);
  // One that is not to wait among others that are: which of them failed is told to nobody.
  if (count > tried.size() || std::any_of(operations, operations + count, is_impatient)) {
    return on_pool([&] { return next(operations, limit); });
  }
  std::transform(operations, operations + count, tried.begin(), [](sembuf operation) {
    operation.sem_flg = static_cast<short>(operation.sem_flg | IPC_NOWAIT);
    return operation;
  });
  if (limit == nullptr) return look_until_possible(EAGAIN, [&] { return next(tried.data(), nullptr); });
  const bool is_far = limit->tv_sec > INT32_MAX;
  const std::int64_t deadline =
      is_far ? INT64_MAX : now() + limit->tv_sec * std::int64_t{1'000'000'000} + limit->tv_nsec;
  bool is_over = false;
  const int result = look_until_possible(EAGAIN, [&] {
    const bool is_last = now() >= deadline;
    const int tried_result = next(tried.data(), nullptr);
    is_over = is_last && tried_result < 0 && errno == EAGAIN;
    if (is_over) errno = ETIMEDOUT;  // not `busy`: so that it is not tried again
    return tried_result;
  });
  if (is_over) errno = EAGAIN;
  return result;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(ssize_t, msgrcv, (int queue, void* message, size_t size, long type, int flags),
                (queue, message, size, type, flags),
                (flags & IPC_NOWAIT) != 0 ? next_msgrcv(queue, message, size, type, flags)
                                          : look_until_possible(ENOMSG, [=] {
                                              return next_msgrcv(queue, message, size, type, flags | IPC_NOWAIT);
                                            }))

RUNTIME_PRELOAD(int, msgsnd, (int queue, const void* message, size_t size, int flags), (queue, message, size, flags),
                (flags & IPC_NOWAIT) != 0 ? next_msgsnd(queue, message, size, flags) : look_until_possible(EAGAIN, [=] {
                  return next_msgsnd(queue, message, size, flags | IPC_NOWAIT);
                }))

RUNTIME_PRELOAD_NEXT(int, semtimedop, (int, sembuf*, size_t, const timespec*))

RUNTIME_PRELOAD(int, semop, (int set, sembuf* operations, size_t count), (set, operations, count),
                operate(operations, count, nullptr,
                        [=](sembuf* tried, const timespec*) { return next_semop(set, tried, count); }))

RUNTIME_PRELOAD_EXPORT(int, semtimedop, (int set, sembuf* operations, size_t count, const timespec* limit)) {
  using namespace runtime::preload;
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return next_semtimedop(set, operations, count, limit);
  const Visit visit(*fiber, __builtin_return_address(0), call_semtimedop);
  if (!visit.is_ours()) return next_semtimedop(set, operations, count, limit);
  return operate(operations, count, limit,
                 [=](sembuf* tried, const timespec* until) { return next_semtimedop(set, tried, count, until); });
}
