#include <stdio.h>
#include <string.h>

#include <cstdarg>
#include <cstdlib>

#include <runtime/posix.h>

#include "preload/output.hpp"
#include "preload/visit.hpp"

// stdio: writing bytes.

namespace runtime::preload {
namespace {

template <class Original>
int put_parking(int byte, FILE* file, Original original) noexcept {
  const char text = static_cast<char>(byte);
  if (Output::is_for_original(file, &text, 1)) return original();
  return Output(file).put(&text, 1) == 1 ? static_cast<unsigned char>(text) : EOF;
}

template <class Original>
std::size_t write_parking(const void* from, std::size_t size, std::size_t count, FILE* file,
                          Original original) noexcept {
  const std::size_t total = size * count;
  const char* const bytes = static_cast<const char*>(from);
  if (total == 0 || Output::is_for_original(file, bytes, total)) return original();
  const std::size_t put = Output(file).put(bytes, total);
  return put == total ? count : put / size;
}

template <class Original>
int put_text_parking(const char* text, FILE* file, Original original) noexcept {
  const std::size_t size = ::strlen(text);
  if (Output::is_for_original(file, text, size)) return original();
  return Output(file).put(text, size) == size ? 1 : EOF;
}

template <class Original>
int put_line_parking(const char* text, Original original) noexcept {
  const std::size_t size = ::strlen(text);
  // With its end of the line it goes out, except from a full buffering that has room for both.
  const Stream stream(stdout);
  const bool has_room = size == 0 || Output::is_for_original(stdout, text, size);
  if (has_room && Output::is_for_original(stdout, "\n", 1) && (stream.room() > size || !stream.may_wait())) {
    return original();
  }
  Output output(stdout);
  if (output.put(text, size) != size || output.put("\n", 1) != 1) return EOF;
  return static_cast<int>(size < INT32_MAX ? size + 1 : INT32_MAX);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, fputc, (int byte, FILE* file), (byte, file),
                put_parking(byte, file, [=] { return next_fputc(byte, file); }))
RUNTIME_PRELOAD_ALIAS(int, putc, fputc, (int, FILE*))
RUNTIME_PRELOAD_ALIAS(int, _IO_putc, fputc, (int, FILE*))
RUNTIME_PRELOAD(int, fputc_unlocked, (int byte, FILE* file), (byte, file),
                put_parking(byte, file, [=] { return next_fputc_unlocked(byte, file); }))
RUNTIME_PRELOAD_ALIAS(int, putc_unlocked, fputc_unlocked, (int, FILE*))
RUNTIME_PRELOAD(int, putchar, (int byte), (byte), put_parking(byte, stdout, [=] { return next_putchar(byte); }))
RUNTIME_PRELOAD(int, putchar_unlocked, (int byte), (byte),
                put_parking(byte, stdout, [=] { return next_putchar_unlocked(byte); }))
// Where putc_unlocked() was inlined: called when the buffer has no room, or a line ends. (EOF is for a flush.)
RUNTIME_PRELOAD(int, __overflow, (FILE* file, int byte), (file, byte),
                byte == EOF ? next___overflow(file, byte)
                            : put_parking(byte, file, [=] { return next___overflow(file, byte); }))

RUNTIME_PRELOAD(size_t, fwrite, (const void* from, size_t size, size_t count, FILE* file), (from, size, count, file),
                write_parking(from, size, count, file, [=] { return next_fwrite(from, size, count, file); }))
RUNTIME_PRELOAD(size_t, fwrite_unlocked, (const void* from, size_t size, size_t count, FILE* file),
                (from, size, count, file),
                write_parking(from, size, count, file, [=] { return next_fwrite_unlocked(from, size, count, file); }))
RUNTIME_PRELOAD(int, putw, (int word, FILE* file), (word, file),
                write_parking(&word, sizeof word, 1, file, [=] { return ::fwrite(&word, sizeof word, 1, file); }) == 1
                    ? 0
                    : EOF)

RUNTIME_PRELOAD(int, fputs, (const char* text, FILE* file), (text, file),
                put_text_parking(text, file, [=] { return next_fputs(text, file); }))
RUNTIME_PRELOAD(int, fputs_unlocked, (const char* text, FILE* file), (text, file),
                put_text_parking(text, file, [=] { return next_fputs_unlocked(text, file); }))
RUNTIME_PRELOAD(int, puts, (const char* text), (text), put_line_parking(text, [=] { return next_puts(text); }))
