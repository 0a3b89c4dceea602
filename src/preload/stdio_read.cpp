#include <stdio.h>

#include <cstdlib>
#include <cstring>

#include "preload/input.hpp"
#include "preload/visit.hpp"

// stdio: reading bytes. (What was at hand before is the C library's, at its price: these go on only where it would ask
// the kernel, of something that may wait.)

namespace runtime::preload {
namespace {

bool has_line(FILE* file, std::size_t most, int last) noexcept {
  const auto size = Stream(file).is_writing() ? 0 : static_cast<std::size_t>(file->_IO_read_end - file->_IO_read_ptr);
  return size != 0 && (size >= most || std::memchr(file->_IO_read_ptr, last, size) != nullptr);
}

/// Its turn is not somebody else's, who may be in the middle of a line.
bool is_free(FILE* file) noexcept { return !StreamTurn::is_taken(file, Side::reading); }

template <class Original>
int get_parking(FILE* file, Original original) noexcept {
  if ((Stream(file).at_hand() != 0 && is_free(file)) || Input::is_for_original(file)) return original();
  return Input(file).take_one();
}

template <class Original>
std::size_t read_parking(char* into, std::size_t size, std::size_t count, FILE* file, Original original) noexcept {
  const std::size_t total = size * count;
  if (total == 0 || (Stream(file).at_hand() >= total && is_free(file)) || Input::is_for_original(file))
    return original();
  Input input(file);
  std::size_t got = 0;
  while (got < total && input.fill() == Input::Filled::at_hand) got += input.take(into + got, total - got);
  return got == total ? count : got / size;
}

template <class Original>
char* get_line_parking(char* into, int room, FILE* file, Original original) noexcept {
  if (room <= 1) return original();
  const std::size_t most = static_cast<std::size_t>(room) - 1;
  if ((has_line(file, most, '\n') && is_free(file)) || Input::is_for_original(file)) return original();
  Input input(file);
  std::size_t got = 0;
  while (got < most) {
    const Input::Filled filled = input.fill();
    if (filled == Input::Filled::failed) return nullptr;
    if (filled == Input::Filled::end) break;
    got += input.take_until(into + got, most - got, '\n');
    if (into[got - 1] == '\n') break;
  }
  if (got == 0) return nullptr;
  into[got] = '\0';
  return into;
}

bool grow(char** text, std::size_t* room, std::size_t needed) noexcept {
  if (*text != nullptr && *room >= needed) return true;
  std::size_t larger = *text == nullptr ? 120 : *room * 2;
  if (larger < needed) larger = needed;
  char* grown = static_cast<char*>(std::realloc(*text, larger));
  if (grown == nullptr) return false;
  *text = grown;
  *room = larger;
  return true;
}

ssize_t get_any_line(char** text, std::size_t* room, int last, FILE* file) noexcept {
  Input input(file);
  std::size_t got = 0;
  for (;;) {
    const Input::Filled filled = input.fill();
    if (filled == Input::Filled::failed) return -1;
    if (filled == Input::Filled::end) break;
    if (!grow(text, room, got + input.at_hand() + 1)) return -1;
    got += input.take_until(*text + got, *room - got - 1, last);
    if (static_cast<unsigned char>((*text)[got - 1]) == static_cast<unsigned char>(last)) break;
  }
  if (!grow(text, room, got + 1)) return -1;
  (*text)[got] = '\0';
  return got == 0 ? -1 : static_cast<ssize_t>(got);
}

template <class Original>
ssize_t get_any_line(char** text, std::size_t* room, int last, FILE* file, Original original) noexcept {
  if (text == nullptr || room == nullptr) return original();
  if ((has_line(file, SIZE_MAX, last) && is_free(file)) || Input::is_for_original(file)) return original();
  return get_any_line(text, room, last, file);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, fgetc, (FILE* file), (file), get_parking(file, [=] { return next_fgetc(file); }))
RUNTIME_PRELOAD_ALIAS(int, getc, fgetc, (FILE*))
RUNTIME_PRELOAD_ALIAS(int, _IO_getc, fgetc, (FILE*))
RUNTIME_PRELOAD(int, fgetc_unlocked, (FILE* file), (file),
                get_parking(file, [=] { return next_fgetc_unlocked(file); }))
RUNTIME_PRELOAD_ALIAS(int, getc_unlocked, fgetc_unlocked, (FILE*))
RUNTIME_PRELOAD(int, getchar, (), (), get_parking(stdin, [] { return next_getchar(); }))
RUNTIME_PRELOAD(int, getchar_unlocked, (), (), get_parking(stdin, [] { return next_getchar_unlocked(); }))
// Where getc_unlocked() was inlined: called when nothing is at hand.
RUNTIME_PRELOAD(int, __uflow, (FILE* file), (file), get_parking(file, [=] { return next___uflow(file); }))

RUNTIME_PRELOAD(size_t, fread, (void* into, size_t size, size_t count, FILE* file), (into, size, count, file),
                read_parking(static_cast<char*>(into), size, count, file,
                             [=] { return next_fread(into, size, count, file); }))
RUNTIME_PRELOAD(size_t, fread_unlocked, (void* into, size_t size, size_t count, FILE* file), (into, size, count, file),
                read_parking(static_cast<char*>(into), size, count, file,
                             [=] { return next_fread_unlocked(into, size, count, file); }))

RUNTIME_PRELOAD_NEXT(int, getw, (FILE*))
RUNTIME_PRELOAD_EXPORT(int, getw, (FILE* file)) {
  using namespace runtime::preload;
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return next_getw(file);
  const Visit visit(*fiber, __builtin_return_address(0), call_getw);
  if (!visit.is_ours()) return next_getw(file);
  int word;
  const auto original = [&] { return ::fread(&word, sizeof word, 1, file); };
  return read_parking(reinterpret_cast<char*>(&word), sizeof word, 1, file, original) == 1 ? word : EOF;
}

RUNTIME_PRELOAD(char*, fgets, (char* into, int room, FILE* file), (into, room, file),
                get_line_parking(into, room, file, [=] { return next_fgets(into, room, file); }))
RUNTIME_PRELOAD(char*, fgets_unlocked, (char* into, int room, FILE* file), (into, room, file),
                get_line_parking(into, room, file, [=] { return next_fgets_unlocked(into, room, file); }))

RUNTIME_PRELOAD(ssize_t, getdelim, (char** text, size_t* room, int last, FILE* file), (text, room, last, file),
                get_any_line(text, room, last, file, [=] { return next_getdelim(text, room, last, file); }))
RUNTIME_PRELOAD_ALIAS(ssize_t, __getdelim, getdelim, (char**, size_t*, int, FILE*))
RUNTIME_PRELOAD(ssize_t, getline, (char** text, size_t* room, FILE* file), (text, room, file),
                get_any_line(text, room, '\n', file, [=] { return next_getline(text, room, file); }))

// The fortified forms: `room` is what the compiler knew of the buffer. Too small a one is for the original to report.

RUNTIME_PRELOAD(char*, __fgets_chk, (char* into, size_t room, int count, FILE* file), (into, room, count, file),
                count > 0 && static_cast<size_t>(count) > room
                    ? next___fgets_chk(into, room, count, file)
                    : get_line_parking(into, count, file, [=] { return next___fgets_chk(into, room, count, file); }))
RUNTIME_PRELOAD(char*, __fgets_unlocked_chk, (char* into, size_t room, int count, FILE* file),
                (into, room, count, file),
                count > 0 && static_cast<size_t>(count) > room
                    ? next___fgets_unlocked_chk(into, room, count, file)
                    : get_line_parking(into, count, file,
                                       [=] { return next___fgets_unlocked_chk(into, room, count, file); }))

namespace runtime::preload {
namespace {

bool fits(std::size_t room, std::size_t size, std::size_t count) noexcept {
  std::size_t total;
  return !__builtin_mul_overflow(size, count, &total) && total <= room;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(size_t, __fread_chk, (void* into, size_t room, size_t size, size_t count, FILE* file),
                (into, room, size, count, file),
                !fits(room, size, count) ? next___fread_chk(into, room, size, count, file)
                                         : read_parking(static_cast<char*>(into), size, count, file, [=] {
                                             return next___fread_chk(into, room, size, count, file);
                                           }))
RUNTIME_PRELOAD(size_t, __fread_unlocked_chk, (void* into, size_t room, size_t size, size_t count, FILE* file),
                (into, room, size, count, file),
                !fits(room, size, count) ? next___fread_unlocked_chk(into, room, size, count, file)
                                         : read_parking(static_cast<char*>(into), size, count, file, [=] {
                                             return next___fread_unlocked_chk(into, room, size, count, file);
                                           }))
