#include "posix/fifo.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.hpp"
#include "io/pauses.hpp"
#include "io/wait.hpp"
#include "posix/on_pool.hpp"

namespace runtime::inline v1::posix {
namespace {

/// Knows whether a FIFO has, or has had, a writer since we opened it.
class WriterWatch final {
 public:
  explicit WriterWatch(int fifo) noexcept : fifo_(fifo) {}

  bool has_come() noexcept {
    // Bytes, or a hang-up by one who has come and gone.
    pollfd look{fifo_, POLLIN, 0};
    if (::poll(&look, 1, 0) == 1) return true;
    // A silent one shows in tee(2) alone, which takes nothing out of the FIFO: without any it says 0, with one EAGAIN.
    if (!make_pipe()) return false;
    const ssize_t moved = ::tee(fifo_, scratch_.get(), 1, SPLICE_F_NONBLOCK);
    return moved > 0 || (moved < 0 && errno == EAGAIN);
  }

 private:
  // False: there are no descriptors left at this moment.
  bool make_pipe() noexcept {
    if (scratch_.get() >= 0) return true;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    unread_ = base::UniqueFd(ends[0]);
    scratch_ = base::UniqueFd(ends[1]);
    return true;
  }

  const int fifo_;
  base::UniqueFd unread_, scratch_;  // a pipe for tee()
};

/// 0, or -1 with ECANCELED.
int wait_for_writer(int fifo) noexcept {
  WriterWatch watch(fifo);
  io::Pauses pauses;
  while (!watch.has_come()) {
    if (!pauses.pause()) return -1;
  }
  return 0;
}

}  // namespace

bool may_wait_as_fifo(int flags) noexcept {
  constexpr int kNever = O_NONBLOCK | O_PATH | O_DIRECTORY | (O_TMPFILE & ~O_DIRECTORY);
  constexpr int kNeverOnFifo = O_CREAT | O_EXCL;  // together: EEXIST
  const int access = flags & O_ACCMODE;
  return (flags & kNever) == 0 && (flags & kNeverOnFifo) != kNeverOnFifo && (access == O_RDONLY || access == O_WRONLY);
}

bool is_fifo_at(int directory, const char* path, int flags) noexcept {
  struct stat status;
  const int how = (flags & O_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0;
  return ::fstatat(directory, path, &status, how) == 0 && S_ISFIFO(status.st_mode);
}

int open_fifo(int directory, const char* path, int flags) noexcept {
  const int plain_flags = flags & ~O_CREAT;  // it is there
  io::Pauses pauses;
  for (;;) {
    base::UniqueFd fifo(call_on_disk([=] { return ::openat(directory, path, plain_flags | O_NONBLOCK); }));
    if (fifo.get() < 0) {
      const bool lacks_reader = errno == ENXIO && (flags & O_ACCMODE) == O_WRONLY;
      if (!lacks_reader || !pauses.pause()) return -1;
      continue;
    }
    if ((flags & O_ACCMODE) == O_RDONLY && wait_for_writer(fifo.get()) != 0) return -1;
    const int now = ::fcntl(fifo.get(), F_GETFL);
    if (now < 0 || ::fcntl(fifo.get(), F_SETFL, now & ~O_NONBLOCK) != 0) return -1;
    return fifo.release();
  }
}

}  // namespace runtime::inline v1::posix
