#include "preload/complete.hpp"

#include <dlfcn.h>
#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "preload/kept.hpp"
#include "preload/raw_call.hpp"
#include "preload/system_call.hpp"
#include "preload/visit.hpp"

// Complete mode: the kernel hands us each system call of a fiber's code, in a SIGSYS on the fiber's own stack. There the
// fiber parks like in any other call: nothing of the kernel's hangs on a signal frame but the mask, and ours masks
// nothing. See: Documentation/admin-guide/syscall-user-dispatch.rst (Linux 5.11).
//
// Caught are the calls that are made while the thread's selector says so: in the code of fibers, and not in calls of ours,
// in the loop, or in signal handlers.

namespace runtime::preload {
namespace {

constexpr int kUserDispatch = 2;  // SYS_USER_DISPATCH of siginfo: not in the headers of glibc 2.36
constexpr long kSigreturn = SYS_rt_sigreturn;

[[gnu::section("runtime_preload_calls"), gnu::used]] constinit Call caught_calls{"(system calls)"};

constinit Text loader;

constinit thread_local bool is_caught [[gnu::tls_model("initial-exec")]] = false;  // this thread's calls can be

void say(const char* text) noexcept { static_cast<void>(!::write(STDERR_FILENO, text, std::strlen(text))); }

long forward(const SystemCall& call) noexcept {
  return runtime_preload_raw_call(call.number, call.a, call.b, call.c, call.d, call.e, call.f);
}

/// The mask of the interrupted code is in the frame, from where the kernel takes it when the handler returns.
long change_mask(const SystemCall& call, ucontext_t& frame) noexcept {
  if (call.d != sizeof(std::uint64_t)) return -EINVAL;
  // The frame has room for the kernel's 8 bytes; what comes behind them is other things.
  std::uint64_t mask;
  std::memcpy(&mask, &frame.uc_sigmask, sizeof mask);
  const std::uint64_t before = mask;
  const auto* set = reinterpret_cast<const std::uint64_t*>(call.b);
  if (set != nullptr) {
    const auto bit = [](int signal) { return std::uint64_t{1} << (signal - 1); };
    if (call.a == SIG_BLOCK) mask |= *set;
    else if (call.a == SIG_UNBLOCK) mask &= ~*set;
    else if (call.a == SIG_SETMASK) mask = *set;
    else return -EINVAL;
    mask &= ~(bit(SIGKILL) | bit(SIGSTOP) | bit(SIGSYS));
    std::memcpy(&frame.uc_sigmask, &mask, sizeof mask);
    if (runtime_companion_words* fiber = runtime_companion_here()) {
      sigset_t former{}, now{};
      std::memcpy(&former, &before, sizeof before);
      std::memcpy(&now, &mask, sizeof mask);
      keep_mask(FiberWords::of(*fiber), former, now);
    }
  }
  if (call.c != 0) *reinterpret_cast<std::uint64_t*>(call.c) = before;
  return 0;
}

/// The alternate signal stack of the thread may be another one by now: else the return from here put back the old one.
void keep_signal_stack(ucontext_t& frame) noexcept {
  stack_t now{};
  if (forward({SYS_sigaltstack, 0, reinterpret_cast<long>(&now), 0, 0, 0, 0}) == 0) frame.uc_stack = now;
}

/// Calls that concern the very place where they are made: made there, once more, with nothing caught. What comes after
/// is caught again from the next call of ours, or the next switch, on.
bool has_to_be_made_there(long number) noexcept {
  switch (number) {
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork:
    case SYS_vfork: return true;
    default: return false;
  }
}

/// The dynamic loader works under a lock of the thread's, which a sibling would enter: it is left to block.
bool is_loaders(greg_t instruction) noexcept { return loader.has(reinterpret_cast<const void*>(instruction)); }

constexpr long kSyscallInstruction = 2;  // bytes

struct KernelAction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};
constexpr unsigned long kHasRestorer = 0x04000000;  // SA_RESTORER of the kernel

/// SIGSYS that is not ours: what the program set for it, or the default, which ends it.
struct sigaction programs_own = {};

void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  if ((programs_own.sa_flags & SA_SIGINFO) != 0) return programs_own.sa_sigaction(signal, info, context);
  if (programs_own.sa_handler != SIG_DFL && programs_own.sa_handler != SIG_IGN) return programs_own.sa_handler(signal);
  if (programs_own.sa_handler == SIG_IGN) return;
  const KernelAction none{};  // SIG_DFL
  forward({SYS_rt_sigaction, SIGSYS, reinterpret_cast<long>(&none), 0, sizeof none.mask, 0, 0});
  forward({SYS_kill, ::getpid(), SIGSYS, 0, 0, 0, 0});
}

void on_system_call(int signal, siginfo_t* info, void* context) noexcept {
  auto& frame = *static_cast<ucontext_t*>(context);
  if (info->si_code != kUserDispatch) return pass_on(signal, info, context);
  selector = Selector::allow;
  const int errno_before = errno;
  greg_t* registers = frame.uc_mcontext.gregs;
  const SystemCall call{registers[REG_RAX], registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                        registers[REG_R10], registers[REG_R8], registers[REG_R9]};
  if (call.number == kSigreturn) {
    // Some handler returns. The frame that the kernel looks for is where the stack was.
    selector = Selector::block;
    runtime_preload_return_from(reinterpret_cast<void*>(registers[REG_RSP]));
  }
  if (has_to_be_made_there(call.number)) {
    registers[REG_RIP] -= kSyscallInstruction;
    if (runtime_companion_words* fiber = runtime_companion_here()) FiberWords::of(*fiber).has_to_rearm = true;
    errno = errno_before;
    return;
  }
  long result;
  if (call.number == SYS_rt_sigprocmask) {
    result = change_mask(call, frame);
  } else if (call.number == SYS_sigaltstack) {
    result = forward(call);
    keep_signal_stack(frame);
  } else {
    runtime_companion_words* fiber = runtime_companion_here();
    if (fiber == nullptr || FiberWords::of(*fiber).visits != 0 || FiberWords::of(*fiber).passes_through != 0 ||
        handlers_running != 0 || is_loaders(registers[REG_RIP])) {
      result = forward(call);
    } else {
      const Visit visit(*fiber, nullptr, caught_calls);
      const std::uint32_t switches = FiberWords::of(*fiber).switches;
      result = make_system_call(call, &forward);
      if (FiberWords::of(*fiber).switches != switches) keep_signal_stack(frame);
    }
  }
  registers[REG_RAX] = result;
  errno = errno_before;
  selector = Selector::block;
}

/// A caught call whose SIGSYS is blocked ends the program.
void unblock_sigsys() noexcept {
  const std::uint64_t sigsys = std::uint64_t{1} << (SIGSYS - 1);
  forward({SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&sigsys), 0, sizeof sigsys, 0, 0});
}

/// This thread's system calls are the kernel's to hand over from now on, while the selector says so.
void catch_this_thread() noexcept {
  if (is_caught) return;
  const auto begin = reinterpret_cast<unsigned long>(runtime_preload_allowed_begin);
  const auto end = reinterpret_cast<unsigned long>(runtime_preload_allowed_end);
  is_caught = ::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, begin, end - begin, &selector) == 0;
}

}  // namespace

void begin_complete_mode() noexcept {
  const char* mode = ::secure_getenv("RUNTIME_PRELOAD");
  if (mode == nullptr || std::string_view(mode) == "symbols" || mode[0] == '\0') return;
  if (std::string_view(mode) != "complete") {
    say("libruntime_preload: RUNTIME_PRELOAD is neither \"symbols\" nor \"complete\"; taken as symbols\n");
    return;
  }
  // A try, which a kernel that can do it undoes at once.
  if (::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) != 0) {
    say("libruntime_preload: this kernel catches no system calls (it takes Linux 5.11 and x86-64); going on with symbols\n");
    return;
  }
  ::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
  const KernelAction action{&on_system_call, SA_SIGINFO | SA_NODEFER | kHasRestorer, &runtime_preload_restorer, 0};
  const SystemCall install{SYS_rt_sigaction, SIGSYS, reinterpret_cast<long>(&action), 0, sizeof action.mask, 0, 0};
  if (forward(install) != 0) {
    say("libruntime_preload: SIGSYS cannot be handled; going on with symbols\n");
    return;
  }
  if (const void* code = ::dlsym(RTLD_DEFAULT, "__tls_get_addr")) loader = Text::around(code);  // which lies in it
  process.is_complete = true;
  runtime_companion_watch_switches();
}

// What a stopped fiber has in its words is what the selector was; zero: it has not begun, and is caught from the start.
// A root whose loop runs has kLooping: the loop is not caught.
namespace {
constexpr std::uint8_t kAllowed = 1;
constexpr std::uint8_t kLooping = 2;

std::uint8_t remembered(Selector value) noexcept { return value == Selector::allow ? kAllowed : 0; }
}  // namespace

void switch_selector(FiberWords& from, Selector selector_of_from, const FiberWords& to) noexcept {
  if ((from.selector & kLooping) == 0) from.selector = remembered(selector_of_from);
  selector = to.selector != 0 || !is_caught ? Selector::allow : Selector::block;
}

void tell_root_to_selector(FiberWords& root, int event) noexcept {
  switch (event) {
    case RUNTIME_ROOT_BEGINS:
      root.selector_outside = remembered(selector);  // of the fiber that calls block_on, or of no fiber
      unblock_sigsys();
      catch_this_thread();
      selector = is_caught ? Selector::block : Selector::allow;
      break;
    case RUNTIME_ROOT_STOPS:
      root.selector = static_cast<std::uint8_t>(kLooping | remembered(selector));
      selector = Selector::allow;
      break;
    case RUNTIME_ROOT_GOES_ON:
      selector = (root.selector & kAllowed) != 0 || !is_caught ? Selector::allow : Selector::block;
      root.selector = 0;
      break;
    default:
      selector = (root.selector_outside & kAllowed) != 0 || !is_caught ? Selector::allow : Selector::block;
  }
}

void forget_catching() noexcept {
  is_caught = false;
  selector = Selector::allow;
}

void rearm() noexcept {
  if (!process.is_complete || !is_caught) return;
  const runtime_companion_words* fiber = runtime_companion_here();
  if (fiber != nullptr && FiberWords::of(*fiber).visits == 0) selector = Selector::block;
}

int set_system_action(int signal, const struct sigaction* wanted, struct sigaction* before,
                      const Next<int(int, const struct sigaction*, struct sigaction*)>& next) noexcept {
  if (!process.is_complete) return next(signal, wanted, before);
  if (signal < SIGRTMIN && signal > SIGSYS) {  // the C library's own
    errno = EINVAL;
    return -1;
  }
  if (signal == SIGSYS) {
    *before = programs_own;
    if (wanted != nullptr) programs_own = *wanted;
    return 0;
  }
  KernelAction action{}, former{};
  if (wanted != nullptr) {
    action.handler = wanted->sa_sigaction;
    action.flags = static_cast<unsigned long>(static_cast<unsigned>(wanted->sa_flags)) | kHasRestorer;
    action.restorer = &runtime_preload_restorer;
    sigset_t mask = wanted->sa_mask;
    ::sigdelset(&mask, SIGSYS);
    std::memcpy(&action.mask, &mask, sizeof action.mask);
  }
  const SystemCall call{SYS_rt_sigaction, signal, reinterpret_cast<long>(wanted != nullptr ? &action : nullptr),
                        reinterpret_cast<long>(&former), sizeof action.mask, 0, 0};
  const long result = forward(call);
  if (result != 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  *before = {};
  before->sa_sigaction = former.handler;
  before->sa_flags = static_cast<int>(former.flags & ~kHasRestorer);
  std::memcpy(&before->sa_mask, &former.mask, sizeof former.mask);
  return 0;
}

}  // namespace runtime::preload
