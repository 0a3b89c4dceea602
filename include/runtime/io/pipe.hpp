#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <runtime/detail/raw_fd.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

namespace detail {

RUNTIME_API void make_pipe(RawFd& reading, RawFd& writing);

}  // namespace detail

namespace io {

/// The end of a pipe that is read from: of pipe(), or of a child's output. Closed when it is destroyed, which fails
/// whoever waits in it with EBADF.
///
/// Belongs to no runtime: fibers of any runtime and plain threads may use it at once, and take turns, first come, first
/// served. What every call may throw: std::system_error with the name of the call and its errno; Error io_disabled in a
/// runtime without I/O, invalid_argument when it is closed or was moved from; Cancelled.
/// Thread safety: any thread, several at once; moved, closed and destroyed by one.
class RUNTIME_API PipeReader final {
 public:
  /// A closed one.
  PipeReader() noexcept = default;
  explicit PipeReader(detail::RawFd&& fd) noexcept : fd_(std::move(fd)) {}

  /// Gives 1 to `size` bytes, or 0 once all writers have gone or when `size` is 0. Parks: until there are some.
  /// Cancellation: nothing is lost.
  std::size_t read(void* buffer, std::size_t size) const;
  /// Fills the buffer, and gives its size. Parks: until it is full. Throws: Error unexpected_end when the writers have
  /// gone before. Cancellation: what was read by then is lost.
  std::size_t read_exact(void* buffer, std::size_t size) const;
  /// Reads until all writers have gone. As read(); what was read is lost with an exception.
  std::string read_to_end() const {
    std::string all;
    char part[4096];
    while (const std::size_t n = read(part, sizeof part)) all.append(part, n);
    return all;
  }
  /// As destroying it. Does nothing to a closed one.
  void close() noexcept { fd_ = detail::RawFd(); }
  /// Still the reader's own: neither ::close() nor runtime_close() it. Non-blocking; -1 when it is closed or was moved
  /// from.
  int fd() const noexcept { return fd_.fd(); }

 private:
  detail::RawFd fd_;
};

/// The end of a pipe that is written to: see PipeReader. No call raises SIGPIPE.
class RUNTIME_API PipeWriter final {
 public:
  /// A closed one.
  PipeWriter() noexcept = default;
  explicit PipeWriter(detail::RawFd&& fd) noexcept : fd_(std::move(fd)) {}

  /// Writes 1 to `size` bytes; how many is the result. Parks: until there is room.
  /// Throws: EPIPE once the readers have gone. Cancellation: nothing was written.
  std::size_t write(const void* data, std::size_t size) const;
  /// Writes all of it, before anybody else's bytes. Cancellation: a part may have been written.
  void write_all(std::string_view data) const { write_all(data.data(), data.size()); }
  void write_all(const void* data, std::size_t size) const;
  /// As destroying it: the readers come to the end once they have read what is in the pipe. Does nothing to a closed one.
  void close() noexcept { fd_ = detail::RawFd(); }
  /// Still the writer's own: neither ::close() nor runtime_close() it. Non-blocking; -1 when it is closed or was moved
  /// from.
  int fd() const noexcept { return fd_.fd(); }

 private:
  detail::RawFd fd_;
};

/// A pipe of the system's, close-on-exec. Never parks. Throws: std::system_error; Error io_disabled; Cancelled.
inline std::pair<PipeReader, PipeWriter> pipe() {
  detail::RawFd reading, writing;
  detail::make_pipe(reading, writing);
  return {PipeReader(std::move(reading)), PipeWriter(std::move(writing))};
}

}  // namespace io
}  // namespace v1
}  // namespace runtime
