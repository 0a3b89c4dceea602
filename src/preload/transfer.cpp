#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/types.h>
#include <unistd.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <termios.h>

#include <cerrno>

#include <runtime/posix.h>

#include "preload/on_pool.hpp"
#include "preload/visit.hpp"

// Calls for which the kernel has no way to try: a pool thread blocks in them. One that cannot block because the program
// made the descriptor non-blocking is made at once.

namespace runtime::preload {
namespace {

bool is_nonblocking(int fd) noexcept {
  const int errno_before = errno;
  const int flags = ::fcntl(fd, F_GETFL);
  errno = errno_before;
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

/// A broken pipe's SIGPIPE comes to the thread that makes the call: taken there, and raised where it belongs.
template <class F>
auto without_sigpipe(bool& is_broken, F call) noexcept -> decltype(call()) {
  sigset_t sigpipe, before;
  ::sigemptyset(&sigpipe);
  ::sigaddset(&sigpipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  const auto result = call();
  const int error = errno;
  is_broken = result < 0 && error == EPIPE;
  constexpr timespec kNow{0, 0};
  if (is_broken) ::sigtimedwait(&sigpipe, nullptr, &kNow);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return result;
}

/// The fiber waits until there is room at all, where it can be cancelled and learns of a close; the pool does the rest.
template <class F>
auto transfer(int out, F call) noexcept -> decltype(call()) {
  if (is_nonblocking(out)) return call();
  const int errno_before = errno;
  pollfd room{out, POLLOUT, 0};
  if (runtime_poll(&room, 1, -1) < 0) return -1;
  errno = errno_before;
  bool is_broken = false;
  const auto result = on_pool([&] { return without_sigpipe(is_broken, call); });
  if (!is_broken) return result;
  ::pthread_kill(::pthread_self(), SIGPIPE);  // delivered now, unless the fiber blocks it
  errno = EPIPE;
  return result;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(ssize_t, sendfile, (int out, int in, off_t* offset, size_t size), (out, in, offset, size),
                transfer(out, [=] { return next_sendfile(out, in, offset, size); }))
RUNTIME_PRELOAD_ALIAS(ssize_t, sendfile64, sendfile, (int, int, off_t*, size_t))

RUNTIME_PRELOAD(ssize_t, splice, (int in, off_t* in_offset, int out, off_t* out_offset, size_t size, unsigned flags),
                (in, in_offset, out, out_offset, size, flags),
                (flags & SPLICE_F_NONBLOCK) != 0
                    ? next_splice(in, in_offset, out, out_offset, size, flags)
                    : transfer(out, [=] { return next_splice(in, in_offset, out, out_offset, size, flags); }))

RUNTIME_PRELOAD(ssize_t, tee, (int in, int out, size_t size, unsigned flags), (in, out, size, flags),
                (flags & SPLICE_F_NONBLOCK) != 0 ? next_tee(in, out, size, flags)
                                                 : transfer(out, [=] { return next_tee(in, out, size, flags); }))

RUNTIME_PRELOAD(ssize_t, copy_file_range,
                (int in, off_t* in_offset, int out, off_t* out_offset, size_t size, unsigned flags),
                (in, in_offset, out, out_offset, size, flags),
                on_pool([=] { return next_copy_file_range(in, in_offset, out, out_offset, size, flags); }))

RUNTIME_PRELOAD(int, syncfs, (int fd), (fd), on_pool([=] { return next_syncfs(fd); }))
RUNTIME_PRELOAD(int, msync, (void* start, size_t size, int flags), (start, size, flags),
                on_pool([=] { return next_msync(start, size, flags); }))
RUNTIME_PRELOAD(int, tcdrain, (int fd), (fd), on_pool([=] { return next_tcdrain(fd); }))

RUNTIME_PRELOAD_NEXT(void, sync, ())
RUNTIME_PRELOAD_EXPORT(void, sync, ()) {
  using namespace runtime::preload;
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return next_sync();
  const Visit visit(*fiber, __builtin_return_address(0), call_sync);
  if (!visit.is_ours()) return next_sync();
  on_pool([] {
    next_sync();
    return 0;
  });
}
