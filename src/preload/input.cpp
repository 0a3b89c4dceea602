#include "preload/input.hpp"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include <runtime/posix.h>

#include "preload/output.hpp"

// Gets bytes, without taking one: what the inlined getc_unlocked() of old programs calls, so that it stays exported.
// EOF at the end and after an error.
extern "C" int __underflow(FILE* file);

namespace runtime::preload {

// Before the C library reads it writes: what the stream itself has pending, and, for one that somebody sits before, the
// lines of stdout. Neither is to block the thread.
bool Input::flush_what_is_due() noexcept {
  const bool is_interactive = stream_.is_line_buffered() || stream_.is_unbuffered();
  FILE* const prompt = stdout;
  const bool has_prompt = is_interactive && prompt != file_ && Stream(prompt).is_line_buffered() &&
                          Stream(prompt).pending() != 0 && Stream(prompt).may_wait();
  if (stream_.pending() == 0 && !has_prompt) return true;
  lock_.unlock();
  if (has_prompt) Output(prompt).flush();  // its error is in stdout; the reader does not hear of it there either
  const bool flushed = stream_.pending() == 0 || Output(file_).flush();
  lock_.lock();
  return flushed;
}

Input::Filled Input::fill() noexcept {
  if (!turn_.is_had()) return Filled::failed;
  const int errno_before = errno;
  for (;;) {
    if (stream_.at_hand() != 0) break;
    if (!flush_what_is_due()) return Filled::failed;
    if (stream_.is_at_end() || stream_.is_ready(POLLIN)) {
      const bool had_error = ::ferror_unlocked(file_) != 0;
      file_->_flags &= ~_IO_ERR_SEEN;  // to tell an error from the end
      const bool is_filled = ::__underflow(file_) != EOF;
      const bool has_failed = !is_filled && ::ferror_unlocked(file_) != 0;
      if (had_error) stream_.set_error();
      if (has_failed) return Filled::failed;
      errno = errno_before;
      return is_filled ? Filled::at_hand : Filled::end;
    }
    pollfd waited{stream_.fd(), POLLIN, 0};
    lock_.unlock();
    const int ready = runtime_poll(&waited, 1, -1);
    lock_.lock();
    if (ready < 0) {
      stream_.set_error();
      return Filled::failed;
    }
  }
  errno = errno_before;
  return Filled::at_hand;
}

std::size_t Input::take(char* into, std::size_t most) noexcept {
  const std::size_t size = std::min(most, stream_.at_hand());
  return size == 0 ? 0 : ::fread_unlocked(into, 1, size, file_);
}

std::size_t Input::take_until(char* into, std::size_t most, int last) noexcept {
  if (stream_.at_hand() == 0) return 0;
  ::__underflow(file_);  // from what was pushed back to the rest, without a read; else nothing
  const std::size_t size = std::min(most, static_cast<std::size_t>(file_->_IO_read_end - file_->_IO_read_ptr));
  const void* found = size == 0 ? nullptr : std::memchr(file_->_IO_read_ptr, last, size);
  return take(into, found == nullptr
                        ? size
                        : static_cast<std::size_t>(static_cast<const char*>(found) - file_->_IO_read_ptr) + 1);
}

}  // namespace runtime::preload
