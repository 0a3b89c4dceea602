#include <sched.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

#include "preload/fork.hpp"
#include "preload/kept.hpp"
#include "preload/system_call.hpp"
#include "preload/visit.hpp"

// syscall(): the same calls, by their numbers, in both modes. A seventh argument is on the stack, also where the caller
// gave fewer: what is read there is not used.

RUNTIME_PRELOAD_NEXT(long, syscall, (long, long, long, long, long, long, long))

namespace runtime::preload {
namespace {

constexpr long kKernelsMask = 8;  // bytes

/// A copy of the process, and no thread of it.
bool makes_child(const SystemCall& call) noexcept {
  return call.number == SYS_fork || (call.number == SYS_clone && (call.a & CLONE_VM) == 0);
}

long call_next(const SystemCall& call) noexcept {
  const long result = next_syscall(call.number, call.a, call.b, call.c, call.d, call.e, call.f);
  if (result == 0 && makes_child(call)) in_forked_child();  // no handler of pthread_atfork() has run
  return result == -1 ? -errno : result;
}

/// A mask by number: the kernel's 8 bytes, kept like those of pthread_sigmask().
long change_mask(FiberWords& fiber, const SystemCall& call) noexcept {
  if (call.d != kKernelsMask || call.b == 0) return call_next(call);
  sigset_t set{}, before{};
  std::memcpy(&set, reinterpret_cast<const void*>(call.b), kKernelsMask);
  const int error = change_on_fiber(fiber, static_cast<int>(call.a), &set, &before);
  if (error == 0 && call.c != 0) std::memcpy(reinterpret_cast<void*>(call.c), &before, kKernelsMask);
  return -error;
}

long make_by_number(FiberWords& fiber, const SystemCall& call) noexcept {
  const int errno_before = errno;
  const long result = call.number == SYS_rt_sigprocmask ? change_mask(fiber, call) : make_system_call(call, &call_next);
  // The kernel's range of error numbers.
  if (result >= 0 || result < -4095) {
    errno = errno_before;
    return result;
  }
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_TWIN(long, syscall, (long number, long a, long b, long c, long d, long e, long f),
                     (number, a, b, c, d, e, f), make_by_number(FiberWords::of(*fiber), {number, a, b, c, d, e, f}))
