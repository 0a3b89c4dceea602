#include "preload/output.hpp"

#include <sys/uio.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include <runtime/posix.h>

namespace runtime::preload {
namespace {

struct Free {
  void operator()(void* memory) const noexcept { std::free(memory); }
};

/// How many of the bytes are not to stay in the buffer whatever room there is: with line buffering, the complete lines.
std::size_t size_of_lines(const char* bytes, std::size_t size) noexcept {
  const void* last = ::memrchr(bytes, '\n', size);
  return last == nullptr ? 0 : static_cast<std::size_t>(static_cast<const char*>(last) - bytes) + 1;
}

bool stays_in_buffer(const Stream& stream, const char* bytes, std::size_t size) noexcept {
  if (!stream.is_writing() || stream.is_unbuffered() || size > stream.room()) return false;
  return !stream.is_line_buffered() || size_of_lines(bytes, size) == 0;
}

}  // namespace

bool Output::is_for_original(FILE* file, const char* bytes, std::size_t size) noexcept {
  const Stream stream(file);
  if (size == 0 || stream.is_wide() || stream.refuses_writing()) return true;
  if (stays_in_buffer(stream, bytes, size)) return !StreamTurn::is_taken(file, Side::writing);
  return !stream.may_wait();
}

bool Output::send(const char* bytes, std::size_t size) noexcept {
  const std::size_t pending = stream_.pending();
  const std::size_t total = pending + size;
  if (total == 0) return true;
  // Out of the buffer, so that nobody writes it a second time while we are parked.
  const std::unique_ptr<char, Free> taken(static_cast<char*>(std::malloc(pending + 1)));
  if (!taken) {
    stream_.set_error();
    errno = ENOMEM;
    return false;
  }
  if (pending != 0) std::memcpy(taken.get(), file_->_IO_write_base, pending);
  file_->_IO_write_ptr = file_->_IO_write_base;
  const iovec parts[] = {{taken.get(), pending}, {const_cast<char*>(bytes), size}};
  lock_.unlock();
  errno = 0;
  const ssize_t sent = runtime_writev(stream_.fd(), parts, 2);
  const int error = errno;
  lock_.lock();
  if (sent == static_cast<ssize_t>(total)) return true;
  stream_.set_error();
  errno = sent < 0 || error != 0 ? error : ECANCELED;
  return false;
}

// Into the buffer, which has the room. The stream is in the state of writing.
bool Output::keep(const char* bytes, std::size_t size) noexcept {
  return size == 0 || ::fwrite_unlocked(bytes, 1, size, file_) == size;
}

std::size_t Output::put(const char* bytes, std::size_t size) noexcept {
  if (!turn_.is_had()) return 0;
  // Gets the stream its buffer, and with that the way it is buffered. Flushes nothing, as there is nothing.
  if (!stream_.is_writing() || stream_.buffer_size() == 0) {
    if (::__overflow(file_, EOF) == EOF && !stream_.is_writing()) return 0;
  }
  const int errno_before = errno;
  std::size_t at_once = 0;
  if (!stays_in_buffer(stream_, bytes, size)) {
    if (stream_.is_unbuffered()) at_once = size;
    if (stream_.is_line_buffered()) at_once = size_of_lines(bytes, size);
    // What would not fit behind it: in whole blocks.
    const std::size_t block = stream_.buffer_size();
    if (size - at_once > block) at_once = size - (size - at_once) % block;
    if (!send(bytes, at_once)) return 0;
  }
  errno = errno_before;
  return keep(bytes + at_once, size - at_once) ? size : at_once;
}

std::size_t write_parking(FILE* file, const char* bytes, std::size_t size) noexcept {
  return Output::is_for_original(file, bytes, size) ? ::fwrite(bytes, 1, size, file) : Output(file).put(bytes, size);
}

}  // namespace runtime::preload
