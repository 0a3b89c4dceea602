#include "base/thread_probe.hpp"

#include <execinfo.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "base/system_error.hpp"

namespace runtime::inline v1::base {
namespace {

constexpr int kSignal = SIGURG;
// Negative, as the kernel demands of a process that sends to itself; none of its own (SI_QUEUE, SI_TKILL, …); and of 16
// bits, which is what Valgrind lets through.
constexpr int kOurCode = -0x6620;

// One question at a time. A signal may come long after nobody waits for its answer any more, so it carries the number of
// its question, and what it writes to is never destroyed. The lowest bits say how far the question is.
enum Stage : std::uint64_t { kOver = 0, kAsked = 1, kAnswering = 2, kAnswered = 3, kStages = 4 };
std::atomic<std::uint64_t> question{0};
std::mutex asking;

struct Answer {
  ThreadProbe::Note note;
  void* context;
  std::array<void*, ThreadProbe::kMaxFrames> frames;  // the handler's own first
  int count;
  std::uintptr_t interrupted;  // 0: not known on this processor
};
Answer answer;

struct sigaction outer;  // what the program had before us; constant once our handler is there

std::uintptr_t instruction_of(const void* context) noexcept {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<const ucontext_t*>(context)->uc_mcontext.pc;
#else
  static_cast<void>(context);
  return 0;
#endif
}

void call_outer(int signal, siginfo_t* info, void* context) noexcept {
  if ((outer.sa_flags & SA_SIGINFO) != 0) {
    outer.sa_sigaction(signal, info, context);
  } else if (outer.sa_handler != SIG_DFL && outer.sa_handler != SIG_IGN) {  // by default it is ignored
    outer.sa_handler(signal);
  }
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const ErrnoKeeper keeper;
  if (info->si_code != kOurCode) return call_outer(signal, info, context);
  const auto number = reinterpret_cast<std::uintptr_t>(info->si_value.sival_ptr);
  std::uint64_t expected = number + kAsked;
  if (!question.compare_exchange_strong(expected, number + kAnswering, std::memory_order_acquire)) return;
  answer.note(answer.context);
  answer.count = ::backtrace(answer.frames.data(), static_cast<int>(answer.frames.size()));
  answer.interrupted = instruction_of(context);
  question.store(number + kAnswered, std::memory_order_release);  // pairs with take()
}

bool send(pid_t thread, std::uint64_t number) noexcept {
  siginfo_t info{};
  info.si_signo = kSignal;
  info.si_code = kOurCode;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(number);
  return ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), thread, kSignal, &info) == 0;
}

void nap() noexcept {
  const timespec time{0, 500'000};
  ::nanosleep(&time, nullptr);
}

}  // namespace

void ThreadProbe::prepare() {
  const std::lock_guard lock(asking);
  static bool is_there = false;
  if (is_there) return;
  if (::sigaction(kSignal, nullptr, &outer) != 0) throw_errno(errno, "sigaction(SIGURG)");
  // The first call of backtrace() may load a library, which no signal handler may do.
  std::array<void*, 1> frame;
  ::backtrace(frame.data(), 1);
  struct sigaction action = outer;  // with the mask that its handler wants
  action.sa_sigaction = &on_signal;
  const bool has_handler = (outer.sa_flags & SA_SIGINFO) != 0 || (outer.sa_handler != SIG_DFL && outer.sa_handler != SIG_IGN);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | (has_handler ? outer.sa_flags & SA_RESTART : SA_RESTART);
  if (::sigaction(kSignal, &action, nullptr) != 0) throw_errno(errno, "sigaction(SIGURG)");
  is_there = true;
}

bool ThreadProbe::take(pid_t thread, Note note, void* context, Nanos limit) noexcept {
  const std::lock_guard lock(asking);
  const std::uint64_t number = question.load(std::memory_order_relaxed) / kStages * kStages + kStages;
  answer.note = note;
  answer.context = context;
  question.store(number + kAsked, std::memory_order_release);  // pairs with the handler's exchange
  const Nanos deadline = deadline_after(limit);
  const bool is_sent = send(thread, number);
  while (question.load(std::memory_order_acquire) != number + kAnswered) {
    std::uint64_t expected = number + kAsked;
    const bool is_over = !is_sent || monotonic_now() >= deadline;
    if (is_over && question.compare_exchange_strong(expected, number + kOver, std::memory_order_relaxed)) return false;
    nap();
  }
  // The handler's own frames, and the kernel's way into it, are not asked for.
  void** const end = answer.frames.data() + answer.count;
  void** first = std::find(answer.frames.data(), end, reinterpret_cast<void*>(answer.interrupted));
  if (first == end) first = answer.frames.data();
  count = static_cast<std::size_t>(end - first);
  std::transform(first, end, frames.begin(), [](void* frame) { return reinterpret_cast<std::uintptr_t>(frame); });
  return true;
}

}  // namespace runtime::inline v1::base
