#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <runtime/posix.h>

#include "preload/closing.hpp"
#include "preload/visit.hpp"

// What ends the waits of others: closing, in all its forms. Unlike the rest, these do something on plain threads, too:
// a fiber may wait on what another thread closes.

namespace runtime::preload {
namespace {

/// dup2() and dup3(): what does not close its target tells nobody.
template <class Duplicate>
int replace_told(int fd, int target, Duplicate duplicate) noexcept {
  const int errno_before = errno;
  if (target < 0 || fd == target || ::fcntl(fd, F_GETFD) < 0) {
    errno = errno_before;
    return duplicate();
  }
  return close_told(target, duplicate);
}

/// Calls tell(fd) for every open descriptor in [first, last].
template <class Tell>
void for_each_open(unsigned first, unsigned last, Tell tell) {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return;  // without memory or descriptors nobody is told: they wait, as if closed behind us
  while (const dirent* entry = ::readdir(directory)) {
    char* end = nullptr;
    const unsigned long fd = std::strtoul(entry->d_name, &end, 10);
    if (end == entry->d_name || fd < first || fd > last || static_cast<int>(fd) == ::dirfd(directory)) continue;
    tell(static_cast<int>(fd));
  }
  ::closedir(directory);
}

/// A call that closes a whole range, told before and after.
template <class Close>
auto close_range_told(unsigned first, unsigned last, Close close) {
  const int errno_before = errno;
  for_each_open(first, last, [](int fd) { runtime_companion_closing(fd); });
  errno = errno_before;
  return close();
}

/// What close(), dup2() and dup3() have in common: on a fiber `ours`, on a plain thread `told`, else the original.
template <class Ours, class Told, class Next>
int end_waits(const void* caller, Call& call, Ours ours, Told told, Next next) {
  if (runtime_companion_words* fiber = runtime_companion_here(); __builtin_expect(fiber != nullptr, 0)) {
    const Visit visit(*fiber, caller, call);
    return visit.is_ours() ? ours() : next();
  }
  return __builtin_expect(may_have_waiters(caller), 0) ? told() : next();
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_NEXT(int, close, (int))
RUNTIME_PRELOAD_EXPORT(int, close, (int fd)) {
  using namespace runtime::preload;
  const auto next = [=] { return next_close(fd); };
  return end_waits(__builtin_return_address(0), call_close, [=] { return runtime_close(fd); },
                   [=] { return fd < 0 ? next() : close_told(fd, next); }, next);
}
RUNTIME_PRELOAD_ALIAS(int, __close, close, (int))

RUNTIME_PRELOAD_NEXT(int, dup2, (int, int))
RUNTIME_PRELOAD_EXPORT(int, dup2, (int fd, int target)) {
  using namespace runtime::preload;
  const auto next = [=] { return next_dup2(fd, target); };
  return end_waits(__builtin_return_address(0), call_dup2, [=] { return runtime_dup2(fd, target); },
                   [=] { return replace_told(fd, target, next); }, next);
}
RUNTIME_PRELOAD_ALIAS(int, __dup2, dup2, (int, int))

RUNTIME_PRELOAD_NEXT(int, dup3, (int, int, int))
RUNTIME_PRELOAD_EXPORT(int, dup3, (int fd, int target, int flags)) {
  using namespace runtime::preload;
  const auto next = [=] { return next_dup3(fd, target, flags); };
  return end_waits(__builtin_return_address(0), call_dup3, [=] { return runtime_dup3(fd, target, flags); },
                   [=] { return (flags & ~O_CLOEXEC) != 0 ? next() : replace_told(fd, target, next); }, next);
}

RUNTIME_PRELOAD_NEXT(int, close_range, (unsigned, unsigned, int))
RUNTIME_PRELOAD_EXPORT(int, close_range, (unsigned first, unsigned last, int flags)) {
  using namespace runtime::preload;
  const auto next = [=] { return next_close_range(first, last, flags); };
  if ((flags & CLOSE_RANGE_CLOEXEC) != 0) return next();
  const auto told = [=] { return close_range_told(first, last, next); };
  return end_waits(__builtin_return_address(0), call_close_range, told, told, next);
}

RUNTIME_PRELOAD_NEXT(void, closefrom, (int))
RUNTIME_PRELOAD_EXPORT(void, closefrom, (int first)) {
  using namespace runtime::preload;
  const auto next = [=] {
    next_closefrom(first);
    return 0;
  };
  const auto told = [=] { return close_range_told(first < 0 ? 0u : static_cast<unsigned>(first), ~0u, next); };
  end_waits(__builtin_return_address(0), call_closefrom, told, told, next);
}

RUNTIME_PRELOAD(int, shutdown, (int fd, int how), (fd, how), runtime_shutdown(fd, how))

// A third argument of any type arrives in the register of a pointer.
RUNTIME_PRELOAD(int, fcntl, (int fd, int command, void* argument), (fd, command, argument),
                runtime_fcntl(fd, command, argument))
RUNTIME_PRELOAD_ALIAS(int, fcntl64, fcntl, (int, int, void*))
RUNTIME_PRELOAD_ALIAS(int, __fcntl, fcntl, (int, int, void*))
