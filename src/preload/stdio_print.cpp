#include <stdio.h>
#include <string.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <memory>

#include <runtime/posix.h>

#include "preload/output.hpp"
#include "preload/visit.hpp"

// stdio: formatted text. On a fiber it is made in memory first, and then written as any other.

RUNTIME_PRELOAD_NEXT(int, vfprintf, (FILE*, const char*, va_list))
RUNTIME_PRELOAD_NEXT(int, __vfprintf_chk, (FILE*, int, const char*, va_list))
RUNTIME_PRELOAD_NEXT(int, vdprintf, (int, const char*, va_list))
RUNTIME_PRELOAD_NEXT(int, __vdprintf_chk, (int, int, const char*, va_list))
RUNTIME_PRELOAD_NEXT(void, perror, (const char*))

// Of <stdio.h> only where a program is fortified.
extern "C" int __vasprintf_chk(char** text, int flag, const char* format, va_list arguments);

namespace runtime::preload {
namespace {

struct Free {
  void operator()(void* memory) const noexcept { std::free(memory); }
};

/// A text made by the C library. flag: of the fortified forms, -1: none.
class Formatted final {
 public:
  Formatted(int flag, const char* format, va_list arguments) noexcept {
    char* made = nullptr;
    size_ = flag < 0 ? ::vasprintf(&made, format, arguments) : ::__vasprintf_chk(&made, flag, format, arguments);
    if (size_ >= 0) text_.reset(made);
  }
  /// -1: it cannot be made; errno says why.
  int size() const noexcept { return size_; }
  const char* text() const noexcept { return text_.get(); }

 private:
  int size_;
  std::unique_ptr<char, Free> text_;
};

int print(FILE* file, int flag, const char* format, va_list arguments) noexcept {
  const auto original = [&] {
    return flag < 0 ? next_vfprintf(file, format, arguments) : next___vfprintf_chk(file, flag, format, arguments);
  };
  const Stream stream(file);
  if (stream.is_wide() || stream.fd() < 0) return original();
  const Formatted formatted(flag, format, arguments);
  if (formatted.size() < 0) return -1;
  const auto size = static_cast<std::size_t>(formatted.size());
  return preload::write_parking(file, formatted.text(), size) == size ? formatted.size() : -1;
}

int print_to_fd(int fd, int flag, const char* format, va_list arguments) noexcept {
  const Formatted formatted(flag, format, arguments);
  if (formatted.size() <= 0) return formatted.size();
  return runtime_write(fd, formatted.text(), static_cast<std::size_t>(formatted.size())) == formatted.size()
             ? formatted.size()
             : -1;
}

/// ours() on a fiber, original() elsewhere.
template <class Ours, class Original>
int choose(const void* caller, Call& call, Ours ours, Original original) noexcept {
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return original();
  const Visit visit(*fiber, caller, call);
  return visit.is_ours() ? ours() : original();
}

void tell_error(const char* prefix) noexcept {
  const int error = errno;
  if (Output::is_for_original(stderr, "\n", 1)) return next_perror(prefix);
  char room[128];
  const char* const message = ::strerror_r(error, room, sizeof room);
  const bool has_prefix = prefix != nullptr && *prefix != '\0';
  char* text = nullptr;
  const int size = ::asprintf(&text, "%s%s%s\n", has_prefix ? prefix : "", has_prefix ? ": " : "", message);
  const std::unique_ptr<char, Free> owned(size < 0 ? nullptr : text);
  if (size < 0) return next_perror(prefix);
  Output(stderr).put(text, static_cast<std::size_t>(size));
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(void, perror, (const char* prefix)) {
  using namespace runtime::preload;
  choose(
      __builtin_return_address(0), call_perror, [=] { return tell_error(prefix), 0; },
      [=] { return next_perror(prefix), 0; });
}

// The forms that take a list, and those that take the arguments themselves, which have the same original. FLAG: the
// parameter of the fortified ones; GIVEN: its value.
#define PRINT(name, list_name, to_type, stream, FLAG, GIVEN, ours, next)                                       \
  RUNTIME_PRELOAD_CALL(name)                                                                                   \
  RUNTIME_PRELOAD_EXPORT(int, name, (to_type FLAG const char* format, ...)) {                                  \
    using namespace runtime::preload;                                                                          \
    va_list arguments;                                                                                         \
    va_start(arguments, format);                                                                               \
    const int result = choose(                                                                                 \
        __builtin_return_address(0), call_##name, [&] { return ours(stream, GIVEN, format, arguments); },      \
        [&] { return next; });                                                                                 \
    va_end(arguments);                                                                                         \
    return result;                                                                                             \
  }                                                                                                            \
  RUNTIME_PRELOAD_EXPORT(int, list_name, (to_type FLAG const char* format, va_list arguments)) {               \
    using namespace runtime::preload;                                                                          \
    return choose(                                                                                             \
        __builtin_return_address(0), call_##list_name, [&] { return ours(stream, GIVEN, format, arguments); }, \
        [&] { return next; });                                                                                 \
  }
#define COMMA ,
#define NOTHING

RUNTIME_PRELOAD_CALL(vprintf)
RUNTIME_PRELOAD_CALL(__vprintf_chk)

PRINT(fprintf, vfprintf, FILE* file COMMA, file, NOTHING, -1, print, next_vfprintf(file, format, arguments))
PRINT(printf, vprintf, NOTHING, stdout, NOTHING, -1, print, next_vfprintf(stdout, format, arguments))
PRINT(dprintf, vdprintf, int fd COMMA, fd, NOTHING, -1, print_to_fd, next_vdprintf(fd, format, arguments))
PRINT(__fprintf_chk, __vfprintf_chk, FILE* file COMMA, file, int flag COMMA, flag, print,
      next___vfprintf_chk(file, flag, format, arguments))
PRINT(__printf_chk, __vprintf_chk, NOTHING, stdout, int flag COMMA, flag, print,
      next___vfprintf_chk(stdout, flag, format, arguments))
PRINT(__dprintf_chk, __vdprintf_chk, int fd COMMA, fd, int flag COMMA, flag, print_to_fd,
      next___vdprintf_chk(fd, flag, format, arguments))
