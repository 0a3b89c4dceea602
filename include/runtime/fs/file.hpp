#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <runtime/export.hpp>
#include <runtime/fs/metadata.hpp>

namespace runtime {
inline namespace v1 {
namespace fs {

/// An open file. Every call that may wait for the disk runs on the blocking pool of the caller's runtime, and parks the
/// fiber only; a plain thread makes it itself. There is no buffer: what write() has returned for is with the kernel.
///
/// A call that is under way cannot be taken back: a cancelled fiber waits for its end, and throws Cancelled then. A
/// fiber that is cancelled already begins nothing, but in a shield() and in destructors that run while an exception
/// unwinds it.
///
/// From the moment a runtime begins to shut down its pool takes no calls, and drops the queued ones, so that:
/// - what writes (create(), write(), write_all(), sync_all(), fs::write()) is done nevertheless. If it was queued by
///   then, the pool still does it, even after the runtime has gone; if it begins later, the fiber's own thread does it,
///   which waits for the disk meanwhile;
/// - what reads (open(), read() of what is not in memory, metadata(), directories, fs::read()) throws Error shut_down,
///   or Cancelled in a fiber that is cancelled and has no shield; so does what was queued. In a destructor that runs
///   while an exception unwinds, the fiber's own thread does it, too.
/// The fiber's own thread makes every call while the pool has no thread and cannot start one.
///
/// Every function Throws: std::system_error with the call's name; Error shut_down, invalid_argument when this was moved
/// from; Cancelled.
/// Movable. Thread safety: one caller at a time, any thread. Owns: the descriptor, which is O_CLOEXEC.
class RUNTIME_API File final {
 public:
  /// Opens an existing file for reading, or with the flags and mode of open(2).
  static File open(std::string_view path, int flags = O_RDONLY, unsigned mode = 0666);
  /// An empty file, new or not, for writing, and for reading where that is permitted.
  static File create(std::string_view path);

  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~File() { close(); }

  /// Reads at most n bytes from the place where the file is; 0: its end, or n is 0. What the kernel has in memory is
  /// read at once, without the pool.
  std::size_t read(void* buffer, std::size_t n);
  /// Writes at most n bytes; how many.
  std::size_t write(const void* bytes, std::size_t n);
  /// Writes all of it, in one go of the pool.
  void write_all(std::string_view bytes);
  /// Changes the place; whence as lseek(2). The new place, in bytes from the beginning. Does not wait.
  std::uint64_t seek(std::int64_t offset, int whence = SEEK_SET);
  /// Waits until data and metadata are on the disk: fsync(2).
  void sync_all();
  Metadata metadata() {
    struct stat status;
    read_metadata(status);
    return Metadata(status);
  }

  /// Still the file's own: neither ::close() nor runtime_close() it. -1 after a move.
  int fd() const noexcept { return fd_; }

 private:
  explicit File(int fd) noexcept : fd_(fd) {}
  void close() noexcept;
  void read_metadata(struct stat& status);

  int fd_;
};

}  // namespace fs
}  // namespace v1
}  // namespace runtime
