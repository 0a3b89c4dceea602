#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <wchar.h>

#include <cerrno>
#include <cstdarg>

#include "preload/input.hpp"
#include "preload/visit.hpp"

// stdio: formatted input. How much a format reads shows only while it is read. So the C library scans a stream of ours,
// made for one call, whose reader takes one byte from the real one, waiting for it if need be; what it has put back at
// the end goes back to the real one. Its lock may be held while the fiber is parked, for nobody else knows it.

RUNTIME_PRELOAD_NEXT(int, vfscanf, (FILE*, const char*, va_list))
RUNTIME_PRELOAD_NEXT(int, __isoc99_vfscanf, (FILE*, const char*, va_list))
RUNTIME_PRELOAD_CALL(fscanf)
RUNTIME_PRELOAD_CALL(__isoc99_fscanf)
RUNTIME_PRELOAD_CALL(scanf)
RUNTIME_PRELOAD_CALL(__isoc99_scanf)
RUNTIME_PRELOAD_CALL(vscanf)
RUNTIME_PRELOAD_CALL(__isoc99_vscanf)

// What pthread_cleanup_push() of old programs calls, so that it stays exported.
extern "C" void _pthread_cleanup_push(_pthread_cleanup_buffer* buffer, void (*routine)(void*), void* argument);
extern "C" void _pthread_cleanup_pop(_pthread_cleanup_buffer* buffer, int execute);

namespace runtime::preload {
namespace {

using Cleanups = _pthread_cleanup_buffer*;

/// The thread's list of what is to be called when it is cancelled or jumps. While it scans, the C library has an entry
/// in it that lies on this fiber's stack: other fibers are not to find it there.
Cleanups cleanups() noexcept {
  _pthread_cleanup_buffer probe;
  ::_pthread_cleanup_push(
      &probe, [](void*) {}, nullptr);
  const Cleanups found = probe.__prev;
  ::_pthread_cleanup_pop(&probe, 0);
  return found;
}

void set_cleanups(Cleanups list) noexcept {
  _pthread_cleanup_buffer last{};
  last.__prev = list;
  ::_pthread_cleanup_pop(&last, 0);
}

/// The stream that is scanned in a stream's place.
class Scanned final {
 public:
  explicit Scanned(FILE* real) noexcept : input_(real), real_(real), outside_(cleanups()) {
    cookie_io_functions_t functions{};
    functions.read = &Scanned::read;
    file_ = ::fopencookie(this, "r", functions);
    if (file_ != nullptr) ::setvbuf(file_, nullptr, _IONBF, 0);
  }
  Scanned(const Scanned&) = delete;
  Scanned& operator=(const Scanned&) = delete;
  ~Scanned() {
    if (file_ == nullptr) return;
    const int errno_before = errno;
    put_back();
    ::fclose(file_);
    errno = errno_before;
  }

  /// Null without memory.
  FILE* get() const noexcept { return file_; }

 private:
  static ssize_t read(void* self, char* into, std::size_t) { return static_cast<Scanned*>(self)->read_one(into); }

  ssize_t read_one(char* into) noexcept {
    const Cleanups inside = cleanups();
    set_cleanups(outside_);
    const Input::Filled filled = input_.fill();
    set_cleanups(inside);
    if (filled == Input::Filled::failed) return -1;
    return filled == Input::Filled::end ? 0 : static_cast<ssize_t>(input_.take(into, 1));
  }

  void put_back() noexcept {
    char left[16];
    const std::size_t count = Stream(file_).at_hand();
    if (count == 0 || count > sizeof left || ::fread_unlocked(left, 1, count, file_) != count) return;
    for (std::size_t i = count; i-- > 0;) ::ungetc(static_cast<unsigned char>(left[i]), real_);
  }

  Input input_;
  FILE* const real_;
  const Cleanups outside_;
  FILE* file_;
};

template <class Scan>
int scan(const void* caller, Call& call, FILE* file, Scan scan_it) noexcept {
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return scan_it(file);
  const Visit visit(*fiber, caller, call);
  if (!visit.is_ours() || Input::is_for_original(file)) return scan_it(file);
  const Scanned scanned(file);
  return scan_it(scanned.get() != nullptr ? scanned.get() : file);
}

}  // namespace
}  // namespace runtime::preload

// The two meanings of "%a" have names of their own; each has four forms.
#define SCAN(name, list_name, to, stream, next)                                               \
  RUNTIME_PRELOAD_EXPORT(int, name, (to const char* format, ...)) {                           \
    using namespace runtime::preload;                                                         \
    va_list arguments;                                                                        \
    va_start(arguments, format);                                                              \
    const int result = scan(__builtin_return_address(0), call_##name, stream,                 \
                            [&](FILE* scanned) { return next(scanned, format, arguments); }); \
    va_end(arguments);                                                                        \
    return result;                                                                            \
  }                                                                                           \
  RUNTIME_PRELOAD_EXPORT(int, list_name, (to const char* format, va_list arguments)) {        \
    using namespace runtime::preload;                                                         \
    return scan(__builtin_return_address(0), call_##list_name, stream,                        \
                [&](FILE* scanned) { return next(scanned, format, arguments); });             \
  }
#define FILE_COMMA FILE *file,
#define NOTHING

SCAN(fscanf, vfscanf, FILE_COMMA, file, next_vfscanf)
SCAN(scanf, vscanf, NOTHING, stdin, next_vfscanf)
SCAN(__isoc99_fscanf, __isoc99_vfscanf, FILE_COMMA, file, next___isoc99_vfscanf)
SCAN(__isoc99_scanf, __isoc99_vscanf, NOTHING, stdin, next___isoc99_vfscanf)
RUNTIME_PRELOAD_ALIAS(int, __vfscanf, vfscanf, (FILE*, const char*, va_list))
