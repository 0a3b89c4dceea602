#include <runtime/process/pipe.hpp>

#include <unistd.h>

#include <cerrno>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/await.hpp"
#include "process/quiet_write.hpp"

namespace runtime::inline v1::process {
namespace {

void close_pipe(int& fd) noexcept {
  if (fd < 0) return;
  const base::ErrnoKeeper errno_before;
  const int closing = std::exchange(fd, -1);
  io::fd_closing(closing);
  ::close(closing);
}

void require_open(int fd, const char* sentence) {
  if (fd < 0) throw Error(Errc::closed, sentence);
}

}  // namespace

std::size_t PipeReader::read(void* buffer, std::size_t n) {
  require_open(fd_, "read() from a child's pipe that is closed, was moved from or is not piped");
  const int fd = fd_;
  io::begin_await("read() from a child's pipe");
  for (;;) {
    const ssize_t got = ::read(fd, buffer, n);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) base::throw_errno(errno, "read");
    io::await_fd(fd, io::kReadable, "read");
  }
}

void PipeReader::close() noexcept { close_pipe(fd_); }

std::size_t PipeWriter::write(const void* bytes, std::size_t n) {
  require_open(fd_, "write() to a child's pipe that is closed, was moved from or is not piped");
  const int fd = fd_;
  io::begin_await("write() to a child's pipe");
  for (;;) {
    const ssize_t put = quiet_write(fd, bytes, n);
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) base::throw_errno(errno, "write");
    io::await_fd(fd, io::kWritable, "write");
  }
}

void PipeWriter::write_all(std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(write(bytes.data(), bytes.size()));
}

void PipeWriter::close() noexcept { close_pipe(fd_); }

}  // namespace runtime::inline v1::process
