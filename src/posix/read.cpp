#include <limits.h>
#include <unistd.h>

#include <runtime/posix.h>

#include "io/wait.hpp"
#include "posix/descriptor.hpp"
#include "posix/on_pool.hpp"
#include "posix/parts.hpp"
#include "posix/patience.hpp"
#include "posix/plain_thread.hpp"
#include "posix/terminal.hpp"
#include "posix/try_once.hpp"

namespace runtime::inline v1::posix {
namespace {

/// plain(): the call as the program made it; knows_nowait: whether preadv2() says the same.
template <class Plain>
ssize_t read_parts(int fd, const iovec* parts, int count, bool knows_nowait, Plain plain) noexcept {
  const Kind kind = kind_of(fd);
  if (kind == Kind::disk) return call_on_disk(plain);
  if (kind == Kind::device) {
    const RawMode mode = raw_mode_of(fd);
    if (mode.counts_bytes && count > 0 && count <= IOV_MAX) return read_raw(fd, Parts(parts, count), mode);
  }
  Patience patience(fd, io::kReadable, kind == Kind::socket ? SO_RCVTIMEO : Patience::kNoLimit);
  const auto nowait = [&] { return ::preadv2(fd, parts, count, -1, RWF_NOWAIT); };
  return until_received(patience, [&] { return try_once(fd, knows_nowait, nowait, plain); }, plain);
}

ssize_t read_one(int fd, void* buffer, size_t count) noexcept {
  // A socket is the common case, and needs no question what it is. (Zero bytes are for read(2): it returns at once
  // where recv(2) waits for something to receive.)
  if (count > 0) {
    Patience patience(fd, io::kReadable, SO_RCVTIMEO);
    const ssize_t result = until_received(
        patience, [&] { return ::recv(fd, buffer, count, MSG_DONTWAIT); }, [&] { return ::recv(fd, buffer, count, 0); });
    if (result >= 0 || errno != ENOTSOCK) return result;
  }
  // For zero bytes preadv2() has an answer of its own, before the kind of descriptor is asked.
  const iovec part{buffer, count};
  return read_parts(fd, &part, 1, count > 0, [&] { return ::read(fd, buffer, count); });
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

ssize_t runtime_read(int fd, void* buffer, size_t count) {
  if (!io::begin_call()) {
    return posix::on_plain_thread(fd, SO_RCVTIMEO, [&] { return ::read(fd, buffer, count); });
  }
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::read_one(fd, buffer, count));
}

ssize_t runtime_readv(int fd, const iovec* parts, int count) {
  const auto plain = [&] { return ::readv(fd, parts, count); };
  if (!io::begin_call()) return posix::on_plain_thread(fd, SO_RCVTIMEO, plain);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::read_parts(fd, parts, count, true, plain));
}
