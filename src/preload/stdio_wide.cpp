#include <poll.h>
#include <stdio.h>
#include <wchar.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <memory>

#include <runtime/posix.h>

#include "preload/stream.hpp"
#include "preload/stream_lock.hpp"
#include "preload/stream_turn.hpp"
#include "preload/visit.hpp"

// stdio: wide streams. The C library converts and asks the kernel in one go, so a fiber only waits for the right
// moment: until there is something to read, and until the kernel takes as much as is about to be written.

namespace runtime::preload {
namespace {

/// Reading or writing wide characters on a fiber.
///
/// Thread safety: the fiber's own. Borrows: the stream, whose lock it holds except while it is parked.
class WideUse final {
 public:
  WideUse(FILE* file, Side side) noexcept : turn_(file, side), lock_(file), file_(file), stream_(file) {}

  /// The first use of a stream decides what it is for.
  static bool is_for_original(FILE* file) noexcept { return ::fwide(file, 1) <= 0 || !Stream(file).may_wait(); }

  /// Parks until a read will not wait. (It will all the same for the rest of a character when what has come is no more
  /// than a part of it: then the C library asks once more.) False with errno.
  bool await_input() noexcept {
    if (!turn_.is_had()) return false;
    const bool has_some = stream_.characters_at_hand() != 0 || has_whole_character() || stream_.is_at_end();
    return has_some || await(POLLIN);
  }

  /// The same, gathered: bytes of a flush never exceed what a pipe that is writable takes.
  bool put(const wchar_t* text, std::size_t size) noexcept {
    if (!turn_.is_had()) return false;
    while (size != 0) {
      const std::size_t part = std::min(size, kPart);
      if (part > stream_.room_for_characters() && !await(POLLOUT)) return false;
      for (std::size_t i = 0; i < part; ++i) {
        if (::fputwc_unlocked(text[i], file_) == WEOF) return false;
      }
      if (stream_.characters_pending() >= kMostPending && (!await(POLLOUT) || ::fflush_unlocked(file_) != 0))
        return false;
      text += part;
      size -= part;
    }
    return true;
  }

 private:
  static constexpr std::size_t kPart = 256;         // characters, of 4 bytes at most (UTF-8)
  static constexpr std::size_t kMostPending = 512;  // with one part more: less than PIPE_BUF bytes

  // (With a state of its own: encodings with shifts are beyond it.)
  bool has_whole_character() const noexcept {
    const std::size_t size = stream_.at_hand();
    mbstate_t state{};
    return size != 0 && ::mbrtowc(nullptr, file_->_IO_read_ptr, size, &state) != static_cast<std::size_t>(-2);
  }

  bool await(short events) noexcept {
    while (!stream_.is_ready(events)) {
      pollfd waited{stream_.fd(), events, 0};
      lock_.unlock();
      const int ready = runtime_poll(&waited, 1, -1);
      lock_.lock();
      if (ready >= 0) continue;
      stream_.set_error();
      return false;
    }
    return true;
  }

  StreamTurn turn_;
  StreamLock lock_;
  FILE* const file_;
  const Stream stream_;
};

template <class Original>
wint_t get_parking(FILE* file, Original original) noexcept {
  if (WideUse::is_for_original(file)) return original();
  WideUse use(file, Side::reading);
  return use.await_input() ? ::fgetwc_unlocked(file) : WEOF;
}

template <class Original>
wchar_t* get_line_parking(wchar_t* into, int room, FILE* file, Original original) noexcept {
  if (room <= 1 || WideUse::is_for_original(file)) return original();
  WideUse use(file, Side::reading);
  int got = 0;
  while (got < room - 1) {
    if (!use.await_input()) return nullptr;
    const wint_t character = ::fgetwc_unlocked(file);
    if (character == WEOF && ::ferror_unlocked(file)) return nullptr;
    if (character == WEOF) break;
    into[got++] = static_cast<wchar_t>(character);
    if (character == L'\n') break;
  }
  if (got == 0) return nullptr;
  into[got] = L'\0';
  return into;
}

template <class Original>
wint_t put_parking(wchar_t character, FILE* file, Original original) noexcept {
  if (WideUse::is_for_original(file)) return original();
  return WideUse(file, Side::writing).put(&character, 1) ? static_cast<wint_t>(character) : WEOF;
}

template <class Original>
int put_text_parking(const wchar_t* text, FILE* file, Original original) noexcept {
  if (WideUse::is_for_original(file)) return original();
  return WideUse(file, Side::writing).put(text, ::wcslen(text)) ? 1 : -1;
}

struct Free {
  void operator()(void* memory) const noexcept { std::free(memory); }
};

/// print(file): the original, into memory first.
template <class Print>
int print(const void* caller, Call& call, FILE* file, Print print_to) noexcept {
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return print_to(file);
  const Visit visit(*fiber, caller, call);
  if (!visit.is_ours() || WideUse::is_for_original(file)) return print_to(file);
  wchar_t* made = nullptr;
  std::size_t size = 0;
  FILE* memory = ::open_wmemstream(&made, &size);
  if (memory == nullptr) return -1;
  const int result = print_to(memory);
  const bool is_made = ::fclose(memory) == 0;
  const std::unique_ptr<wchar_t, Free> text(made);
  if (result < 0 || !is_made) return -1;
  return WideUse(file, Side::writing).put(text.get(), size) ? result : -1;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(wint_t, fgetwc, (FILE* file), (file), get_parking(file, [=] { return next_fgetwc(file); }))
RUNTIME_PRELOAD_ALIAS(wint_t, getwc, fgetwc, (FILE*))
RUNTIME_PRELOAD(wint_t, fgetwc_unlocked, (FILE* file), (file),
                get_parking(file, [=] { return next_fgetwc_unlocked(file); }))
RUNTIME_PRELOAD_ALIAS(wint_t, getwc_unlocked, fgetwc_unlocked, (FILE*))
RUNTIME_PRELOAD(wint_t, getwchar, (), (), get_parking(stdin, [] { return next_getwchar(); }))
RUNTIME_PRELOAD(wint_t, getwchar_unlocked, (), (), get_parking(stdin, [] { return next_getwchar_unlocked(); }))

RUNTIME_PRELOAD(wchar_t*, fgetws, (wchar_t* into, int room, FILE* file), (into, room, file),
                get_line_parking(into, room, file, [=] { return next_fgetws(into, room, file); }))
RUNTIME_PRELOAD(wchar_t*, fgetws_unlocked, (wchar_t* into, int room, FILE* file), (into, room, file),
                get_line_parking(into, room, file, [=] { return next_fgetws_unlocked(into, room, file); }))
// (`room`, of the fortified form, in characters.)
RUNTIME_PRELOAD(wchar_t*, __fgetws_chk, (wchar_t* into, size_t room, int count, FILE* file), (into, room, count, file),
                count > 0 && static_cast<size_t>(count) > room
                    ? next___fgetws_chk(into, room, count, file)
                    : get_line_parking(into, count, file, [=] { return next___fgetws_chk(into, room, count, file); }))

RUNTIME_PRELOAD(wchar_t*, __fgetws_unlocked_chk, (wchar_t* into, size_t room, int count, FILE* file),
                (into, room, count, file),
                count > 0 && static_cast<size_t>(count) > room
                    ? next___fgetws_unlocked_chk(into, room, count, file)
                    : get_line_parking(into, count, file,
                                       [=] { return next___fgetws_unlocked_chk(into, room, count, file); }))

RUNTIME_PRELOAD(wint_t, fputwc, (wchar_t character, FILE* file), (character, file),
                put_parking(character, file, [=] { return next_fputwc(character, file); }))
RUNTIME_PRELOAD_ALIAS(wint_t, putwc, fputwc, (wchar_t, FILE*))
RUNTIME_PRELOAD(wint_t, fputwc_unlocked, (wchar_t character, FILE* file), (character, file),
                put_parking(character, file, [=] { return next_fputwc_unlocked(character, file); }))
RUNTIME_PRELOAD_ALIAS(wint_t, putwc_unlocked, fputwc_unlocked, (wchar_t, FILE*))
RUNTIME_PRELOAD(wint_t, putwchar, (wchar_t character), (character),
                put_parking(character, stdout, [=] { return next_putwchar(character); }))
RUNTIME_PRELOAD(wint_t, putwchar_unlocked, (wchar_t character), (character),
                put_parking(character, stdout, [=] { return next_putwchar_unlocked(character); }))
RUNTIME_PRELOAD(int, fputws, (const wchar_t* text, FILE* file), (text, file),
                put_text_parking(text, file, [=] { return next_fputws(text, file); }))
RUNTIME_PRELOAD(int, fputws_unlocked, (const wchar_t* text, FILE* file), (text, file),
                put_text_parking(text, file, [=] { return next_fputws_unlocked(text, file); }))

RUNTIME_PRELOAD_NEXT(int, vfwprintf, (FILE*, const wchar_t*, va_list))
RUNTIME_PRELOAD_NEXT(int, __vfwprintf_chk, (FILE*, int, const wchar_t*, va_list))
RUNTIME_PRELOAD_CALL(fwprintf)
RUNTIME_PRELOAD_CALL(wprintf)
RUNTIME_PRELOAD_CALL(vwprintf)
RUNTIME_PRELOAD_CALL(__fwprintf_chk)
RUNTIME_PRELOAD_CALL(__wprintf_chk)
RUNTIME_PRELOAD_CALL(__vwprintf_chk)

// Each with its arguments, and with a list of them. `to`: the parameters in front of the format.
#define PRINT(name, list_name, to, stream, next)                                                                     \
  RUNTIME_PRELOAD_EXPORT(int, name, (UNWRAP to const wchar_t* format, ...)) {                                        \
    using namespace runtime::preload;                                                                                \
    va_list arguments;                                                                                               \
    va_start(arguments, format);                                                                                     \
    const int result = print(__builtin_return_address(0), call_##name, stream, [&](FILE* printed) { return next; }); \
    va_end(arguments);                                                                                               \
    return result;                                                                                                   \
  }                                                                                                                  \
  RUNTIME_PRELOAD_EXPORT(int, list_name, (UNWRAP to const wchar_t* format, va_list arguments)) {                     \
    using namespace runtime::preload;                                                                                \
    return print(__builtin_return_address(0), call_##list_name, stream, [&](FILE* printed) { return next; });        \
  }
#define UNWRAP(...) __VA_ARGS__

PRINT(fwprintf, vfwprintf, (FILE* file, ), file, next_vfwprintf(printed, format, arguments))
PRINT(wprintf, vwprintf, (), stdout, next_vfwprintf(printed, format, arguments))
PRINT(__fwprintf_chk, __vfwprintf_chk, (FILE* file, int flag, ), file,
      next___vfwprintf_chk(printed, flag, format, arguments))
PRINT(__wprintf_chk, __vwprintf_chk, (int flag, ), stdout, next___vfwprintf_chk(printed, flag, format, arguments))
