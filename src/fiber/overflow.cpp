#include "fiber/overflow.hpp"

#include <execinfo.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "base/compiler.hpp"
#include "base/signal_text.hpp"
#include "base/system_error.hpp"

namespace runtime::inline v1::fiber {
namespace {

constexpr std::size_t kSignalStackSize = 64 * 1024;
constexpr std::size_t kEnough = 32 * 1024;  // the unwinder, and a kernel frame with the largest vector registers

// A handler that was in place when ours came in front of it; the newest first. Never freed: another thread may be in
// one of them at any time.
struct Outer {
  struct sigaction action;
  const Outer* older;
};
std::atomic<const Outer*> newest{nullptr};
std::atomic<FindOverflowed> find_overflowed{nullptr};
std::mutex installing;

// Where this thread is inside our handler: a program's handler that chains to ours comes here again, deeper on the same
// stack, and must then get the handler before its own. A handler that leaves by siglongjmp never comes back to us, but
// the next call begins higher up again. The one thread-local outside task/ and context/: a signal handler belongs to
// neither.
struct Nesting {
  const char* frame = nullptr;  // of the innermost call that is active, or was left by a jump
  int depth = 0;
};
RUNTIME_TLS thread_local Nesting nesting;

void tell(const OverflowedTask& task) noexcept {
  base::SignalText text;
  text << "runtime: stack overflow in task " << task.id;
  if (!task.name.empty()) text << " \"" << task.name << "\"";
  text << ", spawned at " << task.file << ":" << task.line << ": its stack of " << task.stack_size
       << " bytes is used up. Give it a larger one with TaskBuilder::stack_size() or Builder::stack_size(), or keep "
          "large arrays on the heap. Innermost frames:\n";
  text.write();
  std::array<void*, 24> frames;
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  // The first is this function, the second the kernel's return from the handler.
  if (count > 0) ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
}

void die_of(int signal) noexcept {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);  // the fault comes again as soon as the handler returns
}

void call_outer(const Outer* outer, int signal, siginfo_t* info, void* context) noexcept {
  for (int i = 0; i < nesting.depth && outer != nullptr; ++i) outer = outer->older;
  const bool takes_info = outer != nullptr && (outer->action.sa_flags & SA_SIGINFO) != 0;
  if (!takes_info) {
    const auto handler = outer != nullptr ? outer->action.sa_handler : SIG_DFL;
    const bool was_sent = info->si_code <= 0;  // by kill() or raise(); then nothing faults again by itself
    if (handler == SIG_IGN && was_sent) return;
    if (handler == SIG_DFL || handler == SIG_IGN) {  // the kernel ignores no fault
      die_of(signal);
      if (was_sent) ::raise(signal);
      return;
    }
  }
  const Nesting before = nesting;
  nesting = {static_cast<const char*>(__builtin_frame_address(0)), before.depth + 1};
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, &outer->action.sa_mask, &mask);
  if (takes_info) {
    outer->action.sa_sigaction(signal, info, context);
  } else {
    outer->action.sa_handler(signal);
  }
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  nesting = before;
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const base::ErrnoKeeper keeper;
  const Outer* outer = newest.load(std::memory_order_acquire);
  const auto* here = static_cast<const char*>(__builtin_frame_address(0));
  if (nesting.frame == nullptr || here >= nesting.frame) nesting = {};  // not inside: a jump has left the last call
  OverflowedTask task;
  const bool overflow = nesting.depth == 0 && info->si_code > 0 && find_overflowed.load()(info->si_addr, task);
  if (overflow) tell(task);
  call_outer(outer, signal, info, context);
  if (overflow) die_of(signal);
}

bool is_ours(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &on_fault;
}

}  // namespace

void watch_for_overflow(FindOverflowed find) {
  const std::lock_guard lock(installing);
  struct sigaction current;
  if (::sigaction(SIGSEGV, nullptr, &current) != 0) base::throw_errno(errno, "sigaction(SIGSEGV)");
  if (is_ours(current)) return;
  find_overflowed.store(find);
  // The first call of backtrace() may load a library, which no signal handler may do.
  std::array<void*, 1> frame;
  ::backtrace(frame.data(), 1);
  const Outer* known = newest.load(std::memory_order_relaxed);
  if (known == nullptr || known->action.sa_sigaction != current.sa_sigaction || known->action.sa_flags != current.sa_flags) {
    newest.store(new Outer{current, known}, std::memory_order_release);  // pairs with on_fault's load
  }
  struct sigaction action{};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(SIGSEGV, &action, nullptr) != 0) base::throw_errno(errno, "sigaction(SIGSEGV)");
}

SignalStack::SignalStack()
    : memory_(::mmap(nullptr, kSignalStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
  if (memory_ == MAP_FAILED) base::throw_errno(errno, "mmap of a signal stack");
}

SignalStack::~SignalStack() {
  leave();
  ::munmap(memory_, kSignalStackSize);
}

void SignalStack::enter() noexcept {
  if (entered_) return;
  ::sigaltstack(nullptr, &outer_);
  if ((outer_.ss_flags & SS_DISABLE) == 0 && outer_.ss_size >= kEnough) return;
  stack_t ours{};
  ours.ss_sp = memory_;
  ours.ss_size = kSignalStackSize;
  entered_ = ::sigaltstack(&ours, nullptr) == 0;
}

void SignalStack::leave() noexcept {
  if (!entered_) return;
  entered_ = false;
  stack_t now{};
  ::sigaltstack(nullptr, &now);
  if (now.ss_sp == memory_) ::sigaltstack(&outer_, nullptr);  // else the program has set one up meanwhile
}

}  // namespace runtime::inline v1::fiber
