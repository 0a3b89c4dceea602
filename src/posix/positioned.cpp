#include <sys/uio.h>
#include <unistd.h>

#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "posix/descriptor.hpp"
#include "posix/on_pool.hpp"
#include "posix/parts.hpp"
#include "posix/patience.hpp"
#include "posix/plain_thread.hpp"
#include "posix/try_once.hpp"

namespace runtime::inline v1::posix {
namespace {

/// What is no disk (devices with places; all else says ESPIPE): plain() after nowait() has said that it would wait.
template <class Nowait, class Plain>
ssize_t transfer(int fd, std::uint8_t interest, Nowait nowait, Plain plain) noexcept {
  Patience patience(fd, interest, Patience::kNoLimit);
  bool knows_nowait = true;
  return until_done(patience, [&] { return try_once(fd, knows_nowait, nowait, plain); });
}

/// plain(): the call as the program made it.
template <class Plain>
ssize_t read_at(int fd, const iovec* parts, int count, off_t offset, Plain plain) noexcept {
  // To preadv2() a place of -1 is the file's own.
  if (offset < 0) return plain();
  const auto nowait = [&] { return ::preadv2(fd, parts, count, offset, RWF_NOWAIT); };
  if (kind_of(fd) != Kind::disk) return transfer(fd, io::kReadable, nowait, plain);
  const ssize_t in_memory = nowait();
  // Less than all may be the end, or only what the page cache has; and Linux 5.9 and 5.10 may say 0 before the end. See
  // preadv2(2), BUGS.
  const bool is_all = in_memory > 0 && static_cast<std::size_t>(in_memory) == Parts(parts, count).bytes();
  return is_all ? in_memory : call_on_disk(plain);
}

template <class Plain>
ssize_t write_at(int fd, const iovec* parts, int count, off_t offset, Plain plain) noexcept {
  if (offset < 0) return plain();
  if (kind_of(fd) == Kind::disk) return call_on_disk(plain);
  return transfer(
      fd, io::kWritable, [&] { return ::pwritev2(fd, parts, count, offset, RWF_NOWAIT); }, plain);
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

ssize_t runtime_pread(int fd, void* buffer, size_t count, off_t offset) {
  const auto plain = [&] { return ::pread(fd, buffer, count, offset); };
  if (!io::begin_call()) return posix::on_plain_thread(fd, posix::Patience::kNoLimit, plain);
  const posix::KeepErrno errno_before;
  const iovec part{buffer, count};
  return errno_before.unless_failed(posix::read_at(fd, &part, 1, offset, plain));
}

ssize_t runtime_preadv(int fd, const iovec* parts, int count, off_t offset) {
  const auto plain = [&] { return ::preadv(fd, parts, count, offset); };
  if (!io::begin_call()) return posix::on_plain_thread(fd, posix::Patience::kNoLimit, plain);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::read_at(fd, parts, count, offset, plain));
}

ssize_t runtime_pwrite(int fd, const void* buffer, size_t count, off_t offset) {
  const auto plain = [&] { return ::pwrite(fd, buffer, count, offset); };
  if (!io::begin_call()) return posix::on_plain_thread(fd, posix::Patience::kNoLimit, plain);
  const posix::KeepErrno errno_before;
  const iovec part{const_cast<void*>(buffer), count};
  return errno_before.unless_failed(posix::write_at(fd, &part, 1, offset, plain));
}

ssize_t runtime_pwritev(int fd, const iovec* parts, int count, off_t offset) {
  const auto plain = [&] { return ::pwritev(fd, parts, count, offset); };
  if (!io::begin_call()) return posix::on_plain_thread(fd, posix::Patience::kNoLimit, plain);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::write_at(fd, parts, count, offset, plain));
}
