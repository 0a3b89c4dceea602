#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <runtime/detail/unexpected_end.hpp>

namespace runtime {
inline namespace v1 {
namespace io {

/// Reads ahead from something with read(void*, std::size_t), so that small reads cost no system call, and lines can be
/// told apart.
///
/// BufReader(stream) borrows a named stream, which must outlive it, and owns an unnamed one. Writing to the stream
/// beside it is fine; reading is not.
/// Calls throw and park as those of the stream. Cancellation, unless it says otherwise: nothing is lost.
/// Thread safety: one at a time.
template <class Stream>
class BufReader final {
 public:
  explicit BufReader(Stream&& stream, std::size_t capacity = 8192)
      : stream_(std::forward<Stream>(stream)), capacity_(std::max<std::size_t>(capacity, 1)) {}

  /// The next line without its "\n" or "\r\n". A last one without "\n" is a line, too. Nullopt: the end.
  ///
  /// `longest`: bytes of a line without its end; a peer that is not trusted should be given one. Without it lines are as
  /// long as memory allows. Throws: std::system_error EMSGSIZE for a longer one, whose bytes stay to be read.
  std::optional<std::string> read_line(std::size_t longest = std::numeric_limits<std::size_t>::max()) {
    for (std::size_t searched = 0;;) {
      const char* const start = buffer_.get() + begin_;
      const std::size_t held = end_ - begin_;
      if (held > searched) {
        if (const void* found = std::memchr(start + searched, '\n', held - searched)) {
          const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - start);
          const std::size_t text = length > 0 && start[length - 1] == '\r' ? length - 1 : length;
          if (text > longest) throw_too_long();
          std::string line(start, text);
          begin_ += length + 1;
          return line;
        }
        searched = held;
        const bool may_end = start[held - 1] == '\r';
        if (held - (may_end ? 1 : 0) > longest) throw_too_long();
      }
      if (fill() != 0) continue;
      if (held == 0) return std::nullopt;
      if (held > longest) throw_too_long();
      std::string rest(buffer_.get() + begin_, held);
      begin_ = end_;
      return rest;
    }
  }

  /// Gives 1 to `size` bytes, or 0 at the end.
  std::size_t read(void* to, std::size_t size) {
    if (begin_ == end_) {
      if (size >= capacity_) return stream_.read(to, size);
      if (size == 0 || fill() == 0) return 0;
    }
    const std::size_t count = std::min(size, end_ - begin_);
    if (count != 0) std::memcpy(to, buffer_.get() + begin_, count);
    begin_ += count;
    return count;
  }

  /// Fills `to`, and gives its size. Throws: Error unexpected_end when the stream ends before.
  /// Cancellation: what was read by then is lost.
  std::size_t read_exact(void* to, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
      const std::size_t got = read(static_cast<char*>(to) + done, size - done);
      if (got == 0) detail::throw_unexpected_end(done, size);
      done += got;
    }
    return size;
  }

  /// The stream below; bytes that were read ahead are not in it any more.
  std::remove_reference_t<Stream>& inner() noexcept { return stream_; }

 private:
  [[noreturn]] static void throw_too_long() { throw std::system_error(EMSGSIZE, std::generic_category(), "read_line"); }

  // Reads some more behind what is there; 0 at the end.
  std::size_t fill() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (end_ == size_) make_room();
    const std::size_t got = stream_.read(buffer_.get() + end_, size_ - end_);
    end_ += got;
    return got;
  }

  void make_room() {
    const std::size_t held = end_ - begin_;
    if (begin_ == 0) {
      const std::size_t larger = size_ == 0 ? capacity_ : 2 * size_;
      std::unique_ptr<char[]> buffer(new char[larger]);
      if (held != 0) std::memcpy(buffer.get(), buffer_.get(), held);
      buffer_ = std::move(buffer);
      size_ = larger;
    } else {
      std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    }
    begin_ = 0;
    end_ = held;
  }

  Stream stream_;
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;  // of the buffer
  std::size_t begin_ = 0;  // what was read ahead: [begin_, end_)
  std::size_t end_ = 0;
};

template <class Stream>
BufReader(Stream&&) -> BufReader<Stream>;
template <class Stream>
BufReader(Stream&&, std::size_t) -> BufReader<Stream>;

}  // namespace io
}  // namespace v1
}  // namespace runtime
