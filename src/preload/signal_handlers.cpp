#include <signal.h>
#include <setjmp.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "preload/complete.hpp"
#include "preload/signal_handlers.hpp"
#include "preload/visit.hpp"

// The program's signal handlers run below one of ours, which says that a handler is running: what it calls must not park
// in the middle of whatever was interrupted. The program is told of its own handlers only.
//
// All of it is async-signal-safe, and does not touch what a vfork() child shares with its parent unless it sets a handler.

RUNTIME_PRELOAD_NEXT(int, sigaction, (int, const struct sigaction*, struct sigaction*))

namespace runtime::preload {
namespace {

using Handler = void (*)(int, siginfo_t*, void*);

/// The program's handler of each signal that has ours in the kernel.
struct Slot {
  std::atomic<Handler> handler = nullptr;
  std::atomic<bool> wants_info = false;  // it was set with SA_SIGINFO; ours always is
};
constinit std::array<Slot, 65> slots;

constinit std::atomic<unsigned long> run_so_far = 0;

/// For a handler that is left by an exception, too.
class Running final {
 public:
  Running() noexcept : outer_(innermost), selector_before_(exchange_selector(Selector::allow)) {
    innermost = this;
    ++handlers_running;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (handlers_running > 0) --handlers_running;
    run_so_far.fetch_add(1, std::memory_order_relaxed);
    innermost = outer_;
    selector = selector_before_;
  }

  static constinit thread_local const Running* innermost [[gnu::tls_model("initial-exec")]];

 private:
  const Running* outer_;
  Selector selector_before_;
};

constinit thread_local const Running* Running::innermost [[gnu::tls_model("initial-exec")]] = nullptr;

void run_handler(int signal, siginfo_t* info, void* context) {
  const Handler handler = slots[static_cast<std::size_t>(signal)].handler.load(std::memory_order_acquire);
  if (handler == nullptr) return;
  const Running running;
  handler(signal, info, context);
}

}  // namespace

unsigned long handlers_run() noexcept { return run_so_far.load(std::memory_order_relaxed); }

namespace {

bool is_handler(const struct sigaction& action) noexcept {
  return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN && action.sa_handler != SIG_ERR;
}

// `before` may be the same object as `wanted`.
int set_action(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept {
  if (signal <= 0 || static_cast<std::size_t>(signal) >= slots.size()) return next_sigaction(signal, wanted, before);
  Slot& slot = slots[static_cast<std::size_t>(signal)];
  const Handler former = slot.handler.load(std::memory_order_relaxed);
  const bool former_wants_info = slot.wants_info.load(std::memory_order_relaxed);
  struct sigaction ours, found;
  const bool sets_handler = wanted != nullptr && is_handler(*wanted);
  if (wanted != nullptr) ours = *wanted;
  if (sets_handler) {
    slot.wants_info.store((wanted->sa_flags & SA_SIGINFO) != 0, std::memory_order_relaxed);
    slot.handler.store(wanted->sa_sigaction, std::memory_order_release);
    ours.sa_sigaction = &run_handler;
    ours.sa_flags |= SA_SIGINFO;
  }
  const int result = set_system_action(signal, wanted != nullptr ? &ours : nullptr, &found, next_sigaction);
  if (result != 0) {
    if (sets_handler) {
      slot.handler.store(former, std::memory_order_release);
      slot.wants_info.store(former_wants_info, std::memory_order_relaxed);
    }
    return result;
  }
  if (before == nullptr) return 0;
  *before = found;
  if (found.sa_sigaction == &run_handler) {
    before->sa_sigaction = former;
    if (!former_wants_info) before->sa_flags &= ~SA_SIGINFO;
  }
  return 0;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, sigaction, (int signal, const struct sigaction* wanted, struct sigaction* before)) {
  return runtime::preload::set_action(signal, wanted, before);
}
RUNTIME_PRELOAD_ALIAS(int, __sigaction, sigaction, (int, const struct sigaction*, struct sigaction*))

namespace runtime::preload {
namespace {

/// signal() and its like are sigaction() with flags.
sighandler_t set_handler(int signal, sighandler_t handler, int flags) noexcept {
  if (handler == SIG_ERR || signal < 1 || signal >= NSIG) {
    errno = EINVAL;
    return SIG_ERR;
  }
  struct sigaction wanted {};
  struct sigaction before;
  wanted.sa_handler = handler;
  wanted.sa_flags = flags;
  if ((flags & SA_RESETHAND) == 0) ::sigaddset(&wanted.sa_mask, signal);
  return set_action(signal, &wanted, &before) == 0 ? before.sa_handler : SIG_ERR;
}

}  // namespace
}  // namespace runtime::preload

// siginterrupt() says whether signal() lets calls be begun again, and changes the handler that is there, which it keeps.
RUNTIME_PRELOAD_NEXT(int, siginterrupt, (int, int))

namespace runtime::preload {
namespace {
constinit std::array<std::atomic<bool>, 65> interrupts{};
}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, siginterrupt, (int number, int flag)) {
  using namespace runtime::preload;
  const int result = next_siginterrupt(number, flag);
  if (result == 0) interrupts[static_cast<std::size_t>(number)].store(flag != 0, std::memory_order_relaxed);
  return result;
}

RUNTIME_PRELOAD_EXPORT(sighandler_t, signal, (int number, sighandler_t handler)) {
  using namespace runtime::preload;
  const bool is_known = number > 0 && static_cast<std::size_t>(number) < interrupts.size();
  const bool is_interrupting = is_known && interrupts[static_cast<std::size_t>(number)].load(std::memory_order_relaxed);
  return set_handler(number, handler, is_interrupting ? 0 : SA_RESTART);
}
RUNTIME_PRELOAD_ALIAS(sighandler_t, bsd_signal, signal, (int, sighandler_t))
RUNTIME_PRELOAD_ALIAS(sighandler_t, ssignal, signal, (int, sighandler_t))

RUNTIME_PRELOAD_EXPORT(sighandler_t, sysv_signal, (int number, sighandler_t handler)) {
  return runtime::preload::set_handler(number, handler, SA_RESETHAND | SA_NODEFER);
}
RUNTIME_PRELOAD_ALIAS(sighandler_t, __sysv_signal, sysv_signal, (int, sighandler_t))

// sigset() of System V: a handler, or SIG_HOLD to block the signal. Says SIG_HOLD when it was blocked.
RUNTIME_PRELOAD_EXPORT(sighandler_t, sigset, (int number, sighandler_t handler)) {
  using namespace runtime::preload;
  const bool holds = handler == SIG_HOLD;
  sigset_t set, before;
  ::sigemptyset(&set);
  if (::sigaddset(&set, number) != 0 || ::sigprocmask(holds ? SIG_BLOCK : SIG_UNBLOCK, &set, &before) != 0) return SIG_ERR;
  struct sigaction wanted {}, found{};
  wanted.sa_handler = handler;
  if (set_action(number, holds ? nullptr : &wanted, &found) != 0) return SIG_ERR;
  return ::sigismember(&before, number) == 1 ? SIG_HOLD : found.sa_handler;
}

// A handler that is left by a jump is left, with all that it interrupted: all handlers that run on this thread are, and the
// fiber is in no call of ours any more. A jump within the handler is none of our business.

RUNTIME_PRELOAD_NEXT(void, siglongjmp, (struct __jmp_buf_tag*, int))
RUNTIME_PRELOAD_NEXT(void, __longjmp_chk, (struct __jmp_buf_tag*, int))

namespace runtime::preload {
namespace {

/// Where the stack will be after the jump. glibc keeps it in the seventh word, disguised by the
/// thread's pointer guard (PTR_MANGLE of sysdeps/x86_64; the sanitizers read it in the same way).
std::uintptr_t stack_after(const struct __jmp_buf_tag& place) noexcept {
  std::uintptr_t guard;
  __asm__("movq %%fs:0x30, %0" : "=r"(guard));
  const auto disguised = static_cast<std::uintptr_t>(place.__jmpbuf[6]);
  return (disguised >> 17 | disguised << 47) ^ guard;
}

void leave_handlers(const struct __jmp_buf_tag* place) noexcept {
  if (__builtin_expect(handlers_running == 0, 1)) return;
  const std::uintptr_t target = stack_after(*place);
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (target > here && target < reinterpret_cast<std::uintptr_t>(Running::innermost)) return;
  handlers_running = 0;
  Running::innermost = nullptr;
  if (runtime_companion_words* fiber = runtime_companion_here()) FiberWords::of(*fiber).visits = 0;
  rearm();
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(void, siglongjmp, (struct __jmp_buf_tag * place, int value)) {
  runtime::preload::leave_handlers(place);
  runtime::preload::next_siglongjmp(place, value);
}
RUNTIME_PRELOAD_ALIAS(void, longjmp, siglongjmp, (struct __jmp_buf_tag*, int))
RUNTIME_PRELOAD_ALIAS(void, _longjmp, siglongjmp, (struct __jmp_buf_tag*, int))

RUNTIME_PRELOAD_EXPORT(void, __longjmp_chk, (struct __jmp_buf_tag * place, int value)) {
  runtime::preload::leave_handlers(place);
  runtime::preload::next___longjmp_chk(place, value);
}
