#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace runtime {
inline namespace v1 {
namespace io {

/// Collects small writes for something with write(const void*, std::size_t), which gets them in larger pieces.
///
/// BufWriter(stream) borrows a named stream, which must outlive it, and owns an unnamed one. Call flush() at the end:
/// it tells of errors. The destructor flushes as well, but not while an exception unwinds, and as nobody could receive
/// its error, the bytes are lost then.
/// Calls throw and park as those of the stream. Cancellation: what was not written stays for the next call.
/// Thread safety: one at a time.
template <class Stream>
class BufWriter final {
 public:
  explicit BufWriter(Stream&& stream, std::size_t capacity = 8192)
      : stream_(std::forward<Stream>(stream)),
        buffer_(new char[std::max<std::size_t>(capacity, 1)]),
        size_(std::max<std::size_t>(capacity, 1)),
        exceptions_(std::uncaught_exceptions()) {}
  BufWriter(BufWriter&& other)
      : stream_(std::forward<Stream>(other.stream_)),
        buffer_(std::move(other.buffer_)),
        size_(other.size_),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)),
        exceptions_(std::uncaught_exceptions()) {}
  BufWriter& operator=(BufWriter&&) = delete;
  ~BufWriter() {
    if (begin_ == end_ || std::uncaught_exceptions() > exceptions_) return;
    try {
      flush();
    } catch (...) {
      // A destructor throws nothing; Cancelled comes again at the next wait.
    }
  }

  /// Takes all of it. Parks: only while the buffer is full.
  std::size_t write(const void* data, std::size_t size) {
    // Read once, as flush() might change it for all that a compiler knows: it warned of a copy that is never made.
    const std::size_t capacity = size_;
    if (size > capacity || end_ > capacity - size) {
      flush();
      if (size >= capacity) return stream_.write(data, size);
    }
    if (size != 0) std::memcpy(buffer_.get() + end_, data, size);
    end_ += size;
    return size;
  }
  void write_all(std::string_view data) { write_all(data.data(), data.size()); }
  void write_all(const void* data, std::size_t size) {
    for (std::size_t done = 0; done < size;) done += write(static_cast<const char*>(data) + done, size - done);
  }

  /// Writes what is left to the stream. Parks: until all of it is written.
  void flush() {
    while (begin_ != end_) begin_ += stream_.write(buffer_.get() + begin_, end_ - begin_);
    begin_ = end_ = 0;
  }

  /// The stream below; bytes that were not flushed are not in it yet.
  std::remove_reference_t<Stream>& inner() noexcept { return stream_; }

 private:
  Stream stream_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_;       // of the buffer; after it, so that whoever knows how large it is knows this, too
  std::size_t begin_ = 0;  // what is to be written: [begin_, end_)
  std::size_t end_ = 0;
  int exceptions_;  // in flight when it was made
};

template <class Stream>
BufWriter(Stream&&) -> BufWriter<Stream>;
template <class Stream>
BufWriter(Stream&&, std::size_t) -> BufWriter<Stream>;

}  // namespace io
}  // namespace v1
}  // namespace runtime
