#include "signal/arrivals.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "base/unique_fd.hpp"

namespace runtime::inline v1::signal {
namespace {

/// What the handler knows of a signal; atomics without locks, so it may use them wherever it has interrupted us.
struct Counted {
  std::atomic<std::uint64_t> arrivals{0};
  std::atomic<int> fd{-1};  // set once, before the handler is installed
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

// A handler has no argument of ours, and belongs to the process: so does this table.
constinit Counted counted[NSIG];
constinit std::mutex installing;

// Async-signal-safe: see signal-safety(7). It never closes, waits or loops, and leaves errno alone.
void on_signal(int number) {
  const base::ErrnoKeeper errno_before;
  Counted& signal = counted[number];
  signal.arrivals.fetch_add(1, std::memory_order_seq_cst);
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable: after 2^64 signals.
  [[maybe_unused]] const ssize_t written = ::write(signal.fd.load(std::memory_order_acquire), &one, sizeof one);
}

[[noreturn]] void refuse(int number, const char* why) {
  const char* name = ::sigabbrev_np(number);
  throw Error(Errc::invalid_argument, "signal " + std::to_string(number) +
                                          (name != nullptr ? " (SIG" + std::string(name) + ") " : std::string(" ")) +
                                          why);
}

void check(int number) {
  if (number < 1 || number > SIGRTMAX) refuse(number, "is no signal: give one of <signal.h>");
  switch (number) {
    case SIGKILL:
    case SIGSTOP:
      refuse(number, "cannot be caught: listen for another, as SIGTERM or SIGTSTP");
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
      refuse(number,
             "tells of a fault of the running code, which cannot wait for a listener: handle it with sigaction(2)");
    default:
      break;
  }
}

void install(int number, Counted& signal) {
  base::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd.get() < 0) base::throw_errno(errno, "eventfd");
  signal.fd.store(fd.get(), std::memory_order_release);  // pairs with the handler
  struct sigaction action {};
  action.sa_handler = &on_signal;
  // On the alternate stack, if the thread has one: a fiber's own may be small and nearly full.
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  if (::sigaction(number, &action, nullptr) != 0) {
    const int error = errno;
    signal.fd.store(-1, std::memory_order_relaxed);
    if (error == EINVAL) refuse(number, "belongs to the C library: listen for another");
    base::throw_errno(error, "sigaction");
  }
  fd.release();
}

}  // namespace

int count_arrivals(int number) {
  check(number);
  Counted& signal = counted[number];
  const std::lock_guard lock(installing);
  if (signal.fd.load(std::memory_order_relaxed) < 0) install(number, signal);
  return signal.fd.load(std::memory_order_relaxed);
}

std::uint64_t arrivals(int number) noexcept { return counted[number].arrivals.load(std::memory_order_seq_cst); }

}  // namespace runtime::inline v1::signal
