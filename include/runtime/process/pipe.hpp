#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace process {

/// Our end of a child's stdout or stderr. Movable; closed when it goes.
///
/// It belongs to no runtime: each call waits in the runtime of its caller, or blocks a plain thread. Whoever waits in
/// it while it is closed or destroyed ends with EBADF.
///
/// Thread safety: one reader at a time. Owns: the descriptor.
class RUNTIME_API PipeReader final {
 public:
  /// A closed one.
  PipeReader() noexcept = default;
  /// Takes over a descriptor, which is O_NONBLOCK.
  explicit PipeReader(int fd) noexcept : fd_(fd) {}
  PipeReader(PipeReader&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  PipeReader& operator=(PipeReader&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~PipeReader() {
    if (fd_ >= 0) close();
  }

  /// Reads what is there, at most n bytes; 0: every writer has closed its end, or n is 0.
  ///
  /// Parks: until there is something. Cancellation: nothing is lost.
  /// Throws: std::system_error; Error closed, io_disabled; Cancelled.
  std::size_t read(void* buffer, std::size_t n);
  /// Reads until every writer has closed its end. As read(); what was read is lost with an exception.
  std::string read_to_end() {
    std::string all;
    char part[4096];
    while (const std::size_t n = read(part, sizeof part)) all.append(part, n);
    return all;
  }
  /// The writer's next write fails with EPIPE. Does nothing to a closed one.
  void close() noexcept;
  /// -1: closed. It stays ours.
  int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

/// Our end of a child's stdin. As PipeReader, in the other direction.
///
/// A child that has gone, or has closed its stdin, is EPIPE; SIGPIPE is not raised.
/// Thread safety: one writer at a time. Owns: the descriptor.
class RUNTIME_API PipeWriter final {
 public:
  /// A closed one.
  PipeWriter() noexcept = default;
  /// Takes over a descriptor, which is O_NONBLOCK.
  explicit PipeWriter(int fd) noexcept : fd_(fd) {}
  PipeWriter(PipeWriter&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  PipeWriter& operator=(PipeWriter&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~PipeWriter() {
    if (fd_ >= 0) close();
  }

  /// Writes as much as there is room for, at least one byte unless n is 0; how many.
  ///
  /// Parks: until there is room. Cancellation: nothing is written.
  /// Throws: std::system_error; Error closed, io_disabled; Cancelled.
  std::size_t write(const void* bytes, std::size_t n);
  /// Writes all of it. As write(); after an exception it is unknown how much has been written.
  void write_all(std::string_view bytes);
  /// The reader comes to the end once it has read what is in the pipe. Does nothing to a closed one.
  void close() noexcept;
  /// -1: closed. It stays ours.
  int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace process
}  // namespace v1
}  // namespace runtime
