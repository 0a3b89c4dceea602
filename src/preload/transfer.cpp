#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/types.h>
#include <unistd.h>

#include <termios.h>

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

template <class F>
auto transfer(int out, F call) noexcept -> decltype(call()) {
  return is_nonblocking(out) ? call() : on_pool(call);
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
                    : on_pool([=] { return next_splice(in, in_offset, out, out_offset, size, flags); }))

RUNTIME_PRELOAD(ssize_t, tee, (int in, int out, size_t size, unsigned flags), (in, out, size, flags),
                (flags & SPLICE_F_NONBLOCK) != 0 ? next_tee(in, out, size, flags)
                                                 : on_pool([=] { return next_tee(in, out, size, flags); }))

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
