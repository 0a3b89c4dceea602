#include <runtime/fs/file.hpp>

#include <sys/uio.h>

#include <cerrno>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "base/unique_fd.hpp"
#include "fs/on_pool.hpp"
#include "fs/path.hpp"
#include "fs/transfer.hpp"
#include "io/at_once.hpp"

namespace runtime::inline v1::fs {
namespace {

int open_on_pool(const std::string& path, int flags, unsigned mode, Fate fate) {
  begin_call();
  base::UniqueFd opened;  // until nothing can throw any more
  const int error = call_on_pool(fate, [&]() noexcept {
    int fd;
    const int result = open_into(fd, path.c_str(), flags, mode);
    opened = base::UniqueFd(fd);
    return result;
  });
  if (error != 0) {
    errno = error;
    return -1;
  }
  return opened.release();
}

/// Throws: Error invalid_argument.
int checked(int fd) {
  if (fd < 0) {
    throw Error(Errc::invalid_argument,
                "this file is closed or was moved from: use the object it was moved to, or assign another one to it");
  }
  return fd;
}

/// What a call that gives a number has given. Throws: std::system_error.
template <class Call>
std::size_t count_on_pool(Fate fate, const char* what, Call call) {
  ssize_t result = 0;
  const int error = call_on_pool(fate, [&]() noexcept {
    result = uninterrupted(call);
    return result < 0 ? errno : 0;
  });
  if (error != 0) base::throw_errno(error, what);
  return static_cast<std::size_t>(result);
}

}  // namespace

File File::open(std::string_view path, int flags, unsigned mode) {
  const std::string name = checked_path(path);
  const int fd = open_on_pool(name, flags, mode, Fate::may_be_refused);
  if (fd < 0) throw_about(errno, "open", name);
  return File(fd);
}

File File::create(std::string_view path) {
  const std::string name = checked_path(path);
  constexpr int kFlags = O_CREAT | O_TRUNC;
  int fd = open_on_pool(name, O_RDWR | kFlags, 0666, Fate::is_certain);
  if (fd < 0 && errno == EACCES) fd = open_on_pool(name, O_WRONLY | kFlags, 0666, Fate::is_certain);
  if (fd < 0) throw_about(errno, "open", name);
  return File(fd);
}

void File::close() noexcept {
  if (fd_ < 0) return;
  const base::ErrnoKeeper errno_before;
  io::fd_closing(fd_);
  ::close(fd_);
}

std::size_t File::read(void* buffer, std::size_t n) {
  const int fd = checked(fd_);
  const std::size_t size = io::at_once(n);
  if (begin_call()) {
    const iovec part{buffer, size};
    const ssize_t in_memory = ::preadv2(fd, &part, 1, -1, RWF_NOWAIT);
    // Linux 5.9 and 5.10 may say 0 before the end. See preadv2(2), BUGS.
    if (in_memory > 0) return static_cast<std::size_t>(in_memory);
  }
  return count_on_pool(Fate::may_be_refused, "read", [&]() noexcept { return ::read(fd, buffer, size); });
}

std::size_t File::write(const void* bytes, std::size_t n) {
  const int fd = checked(fd_);
  begin_call();
  return count_on_pool(Fate::is_certain, "write", [&]() noexcept { return ::write(fd, bytes, io::at_once(n)); });
}

void File::write_all(std::string_view bytes) {
  const int fd = checked(fd_);
  begin_call();
  const int error = call_on_pool(Fate::is_certain, [&]() noexcept { return write_whole(fd, bytes); });
  if (error != 0) base::throw_errno(error, "write");
}

std::uint64_t File::seek(std::int64_t offset, int whence) {
  const off_t place = ::lseek(checked(fd_), offset, whence);
  if (place < 0) base::throw_errno(errno, "lseek");
  return static_cast<std::uint64_t>(place);
}

void File::sync_all() {
  const int fd = checked(fd_);
  begin_call();
  static_cast<void>(count_on_pool(Fate::is_certain, "fsync", [&]() noexcept { return ssize_t{::fsync(fd)}; }));
}

void File::read_metadata(struct stat& status) {
  const int fd = checked(fd_);
  begin_call();
  static_cast<void>(
      count_on_pool(Fate::may_be_refused, "fstat", [&]() noexcept { return ssize_t{::fstat(fd, &status)}; }));
}

namespace detail {

void read_metadata(std::string_view path, struct stat& status) {
  const std::string name = checked_path(path);
  begin_call();
  const int error =
      call_on_pool(Fate::may_be_refused, [&]() noexcept { return ::stat(name.c_str(), &status) < 0 ? errno : 0; });
  if (error != 0) throw_about(error, "stat", name);
}

}  // namespace detail
}  // namespace runtime::inline v1::fs
