#include <cerrno>

#include "preload/system_call.hpp"
#include "preload/visit.hpp"

// syscall(): the same calls, by their numbers, in both modes. A seventh argument is on the stack, also where the caller
// gave fewer: what is read there is not used.

RUNTIME_PRELOAD_NEXT(long, syscall, (long, long, long, long, long, long, long))

namespace runtime::preload {
namespace {

long call_next(const SystemCall& call) noexcept {
  const long result = next_syscall(call.number, call.a, call.b, call.c, call.d, call.e, call.f);
  return result == -1 ? -errno : result;
}

long make_by_number(const SystemCall& call) noexcept {
  const int errno_before = errno;
  const long result = make_system_call(call, &call_next);
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
                     (number, a, b, c, d, e, f), make_by_number({number, a, b, c, d, e, f}))
