#include "preload/signal_wait.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include <runtime/posix.h>

#include "preload/kept.hpp"
#include "preload/signal_handlers.hpp"
#include "preload/visit.hpp"

RUNTIME_PRELOAD_NEXT(int, sigtimedwait, (const sigset_t*, siginfo_t*, const timespec*))

namespace runtime::preload {
namespace {

constexpr timespec kNow{0, 0};

/// Takes a signal that is pending: its number, or -1 with EAGAIN or another error.
int take_pending(const sigset_t* set, siginfo_t* info) noexcept {
  for (;;) {
    const int signal = next_sigtimedwait(set, info, &kNow);
    if (signal >= 0 || errno != EINTR) return signal;
  }
}

/// Parks until a signal of the set is pending: 1; 0 when the time is over, -1 with errno.
int park_until_pending(const sigset_t* set, const timespec* limit) noexcept {
  const int fd = ::signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return -1;
  pollfd news{fd, POLLIN, 0};
  const int result = runtime_ppoll(&news, 1, limit, nullptr);
  const int error = errno;
  ::close(fd);
  errno = error;
  return result;
}

/// Parks until a handler has run on any thread of the process, whose signals its fibers share.
int wait_for_handler() noexcept {
  const unsigned long before = handlers_run();
  constexpr timespec kLook{0, 1'000'000};
  while (handlers_run() == before) {
    if (runtime_nanosleep(&kLook, nullptr) != 0) return -1;
  }
  errno = EINTR;
  return -1;
}

}  // namespace

int wait_signal_parking(const sigset_t* set, siginfo_t* info, const timespec* limit) noexcept {
  const int errno_before = errno;
  if (limit != nullptr && (limit->tv_nsec < 0 || limit->tv_nsec >= 1'000'000'000 || limit->tv_sec < 0)) {
    errno = EINVAL;
    return -1;
  }
  timespec deadline{};
  if (limit != nullptr) {
    ::clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += limit->tv_sec;
    deadline.tv_nsec += limit->tv_nsec;
  }
  for (;;) {
    const int signal = take_pending(set, info);
    if (signal >= 0) errno = errno_before;
    if (signal >= 0 || errno != EAGAIN) return signal;
    timespec left{};
    if (limit != nullptr) {
      timespec now;
      ::clock_gettime(CLOCK_MONOTONIC, &now);
      const long long rest = (deadline.tv_sec - now.tv_sec) * 1'000'000'000LL + (deadline.tv_nsec - now.tv_nsec);
      if (rest <= 0) {
        errno = EAGAIN;
        return -1;
      }
      left = {static_cast<time_t>(rest / 1'000'000'000), static_cast<long>(rest % 1'000'000'000)};
    }
    if (park_until_pending(set, limit != nullptr ? &left : nullptr) < 0) return -1;
  }
}

int pause_parking() noexcept { return wait_for_handler(); }

// The mask is the fiber's while it waits. It looks each millisecond, with its own mask in force: what the others block is
// delivered then.
int suspend_parking(const sigset_t* mask) noexcept {
  runtime_companion_words* words = runtime_companion_here();
  if (words == nullptr) return wait_for_handler();
  FiberWords& fiber = FiberWords::of(*words);
  sigset_t before;
  const unsigned long run = handlers_run();
  change_on_fiber(fiber, SIG_SETMASK, mask, &before);
  // What was pending has run by now.
  const int result = handlers_run() != run ? (errno = EINTR, -1) : wait_for_handler();
  const int error = errno;
  change_on_fiber(fiber, SIG_SETMASK, &before, nullptr);
  errno = error;
  return result;
}

namespace {

// sigwait() has its error in the result.
int sigwait_parking(const sigset_t* set, int* signal) noexcept {
  const int errno_before = errno;
  const int result = wait_signal_parking(set, nullptr, nullptr);
  const int error = errno;
  errno = errno_before;
  if (result < 0) return error;
  *signal = result;
  return 0;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_TWIN(int, sigtimedwait, (const sigset_t* set, siginfo_t* info, const timespec* limit), (set, info, limit),
                     wait_signal_parking(set, info, limit))
RUNTIME_PRELOAD(int, sigwaitinfo, (const sigset_t* set, siginfo_t* info), (set, info),
                wait_signal_parking(set, info, nullptr))
RUNTIME_PRELOAD(int, sigwait, (const sigset_t* set, int* signal), (set, signal), sigwait_parking(set, signal))
RUNTIME_PRELOAD(int, pause, (), (), pause_parking())
RUNTIME_PRELOAD(int, sigsuspend, (const sigset_t* mask), (mask), suspend_parking(mask))
RUNTIME_PRELOAD_ALIAS(int, __sigsuspend, sigsuspend, (const sigset_t*))
