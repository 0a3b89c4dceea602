#include <poll.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <runtime/posix.h>

#include "preload/children.hpp"
#include "preload/closing.hpp"
#include "preload/output.hpp"
#include "preload/stream_close.hpp"
#include "preload/visit.hpp"

// stdio: handing over what was written, and the end of a stream.

RUNTIME_PRELOAD_NEXT(int, fclose, (FILE*))
RUNTIME_PRELOAD_NEXT(int, fflush, (FILE*))

// The C library's list of all open streams; exported for the C++ library of the last century, and there to stay.
extern "C" {
FILE* _IO_iter_begin();
FILE* _IO_iter_end();
FILE* _IO_iter_next(FILE*);
FILE* _IO_iter_file(FILE*);
void _IO_list_lock();
void _IO_list_unlock();
}

namespace runtime::preload {
namespace {

// (A plain thread that closes what fibers may wait for leaves the writing to the C library.)
bool must_park(FILE* file) noexcept {
  if (runtime_companion_here() == nullptr) return false;
  const Stream stream(file);
  if (stream.is_wide() || (stream.pending() == 0 && !StreamTurn::is_taken(file, Side::writing))) return false;
  return stream.may_wait();
}

/// Of a wide stream that has something to write, which the C library alone can convert: parks until there is room for
/// that. (stdio_wide.cpp keeps it small.) False with errno.
bool await_room(FILE* file) noexcept {
  const Stream stream(file);
  if (runtime_companion_here() == nullptr) return true;
  if (!stream.is_wide() || stream.characters_pending() == 0 || !stream.may_wait()) return true;
  while (!stream.is_ready(POLLOUT)) {
    pollfd waited{stream.fd(), POLLOUT, 0};
    if (runtime_poll(&waited, 1, -1) >= 0) continue;
    stream.set_error();
    return false;
  }
  return true;
}

template <class Original>
int flush_one(FILE* file, Original original) noexcept {
  if (!await_room(file)) return EOF;
  if (!must_park(file)) return original();
  return Output(file).flush() ? 0 : EOF;
}

/// fflush(nullptr). The C library takes the locks of all streams, one after the other: that of one in which a thread
/// waits for input would block us as long. So each that has something is flushed on its own.
class FlushAll final {
 public:
  int run() noexcept {
    int result = 0;
    while (FILE* file = next()) {
      if (flush_one(file, [=] { return flush_under_lock(file); }) != 0) result = EOF;
    }
    return result;
  }

 private:
  static int flush_under_lock(FILE* file) noexcept {
    const StreamLock lock(file);
    return ::fflush_unlocked(file);
  }

  /// One with something to write that has not been seen. The list changes while we are parked: it is begun anew.
  FILE* next() noexcept {
    FILE* found = nullptr;
    ::_IO_list_lock();
    for (FILE* at = ::_IO_iter_begin(); at != ::_IO_iter_end() && found == nullptr; at = ::_IO_iter_next(at)) {
      FILE* file = ::_IO_iter_file(at);
      const Stream stream(file);
      const bool has_some = stream.is_wide() ? stream.characters_pending() != 0 : stream.pending() != 0;
      if (has_some && std::find(seen_.begin(), seen_.begin() + count_, file) == seen_.begin() + count_) found = file;
    }
    ::_IO_list_unlock();
    if (found == nullptr || count_ == seen_.size()) return nullptr;
    seen_[count_++] = found;
    return found;
  }

  std::array<FILE*, 256> seen_;
  std::size_t count_ = 0;
};

template <class Original>
int flush(FILE* file, Original original) noexcept {
  return file == nullptr ? FlushAll().run() : flush_one(file, original);
}

/// Of a fiber, or of a thread that closes what fibers may wait for.
template <class Reopen>
FILE* reopen_told(FILE* file, Reopen reopen) noexcept {
  if (must_park(file)) Output(file).flush();  // freopen() ignores what goes wrong with the old one
  const int fd = Stream(file).fd();
  return fd < 0 ? reopen() : close_told(fd, reopen);
}

}  // namespace

int close_stream_told(FILE* file) noexcept {
  const bool is_flushed = await_room(file) && (!must_park(file) || Output(file).flush());
  const int error = errno;
  const int fd = Stream(file).fd();
  const int result = fd < 0 ? next_fclose(file) : close_told(fd, [=] { return next_fclose(file); });
  if (is_flushed) return result;
  errno = error;
  return EOF;
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, fflush, (FILE* file)) {
  using namespace runtime::preload;
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return next_fflush(file);
  const Visit visit(*fiber, __builtin_return_address(0), call_fflush);
  const auto original = [=] { return next_fflush(file); };
  return visit.is_ours() ? flush(file, original) : original();
}
RUNTIME_PRELOAD_ALIAS(int, _IO_fflush, fflush, (FILE*))
RUNTIME_PRELOAD(int, fflush_unlocked, (FILE* file), (file), flush(file, [=] { return next_fflush_unlocked(file); }))

// A stream of popen() is waited for by fclose(), too.
RUNTIME_PRELOAD_EXPORT(int, fclose, (FILE* file)) {
  using namespace runtime::preload;
  const auto told = [=] {
    const pid_t child = Children::remove(file);
    return child > 0 ? close_and_wait(file, child) : close_stream_told(file);
  };
  if (runtime_companion_words* fiber = runtime_companion_here(); __builtin_expect(fiber != nullptr, 0)) {
    const Visit visit(*fiber, __builtin_return_address(0), call_fclose);
    return visit.is_ours() ? told() : next_fclose(file);
  }
  return __builtin_expect(may_have_waiters(__builtin_return_address(0)), 0) ? told() : next_fclose(file);
}
RUNTIME_PRELOAD_ALIAS(int, _IO_fclose, fclose, (FILE*))

RUNTIME_PRELOAD_NEXT(FILE*, freopen, (const char*, const char*, FILE*))
RUNTIME_PRELOAD_EXPORT(FILE*, freopen, (const char* path, const char* mode, FILE* file)) {
  using namespace runtime::preload;
  const auto next = [=] { return next_freopen(path, mode, file); };
  if (runtime_companion_words* fiber = runtime_companion_here(); __builtin_expect(fiber != nullptr, 0)) {
    const Visit visit(*fiber, __builtin_return_address(0), call_freopen);
    return visit.is_ours() ? reopen_told(file, next) : next();
  }
  return may_have_waiters(__builtin_return_address(0)) ? reopen_told(file, next) : next();
}
// (Files are 64 bits wide on all machines we know.)
RUNTIME_PRELOAD_ALIAS(FILE*, freopen64, freopen, (const char*, const char*, FILE*))
