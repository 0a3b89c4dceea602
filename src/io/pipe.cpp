#include <runtime/io/pipe.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/system_error.hpp"
#include "io/at_once.hpp"
#include "io/call.hpp"

namespace runtime::inline v1 {
namespace {

/// While it lives, the SIGPIPE of a write that fails does not reach the program. (Pipes have no MSG_NOSIGNAL.)
///
/// The signal goes to the thread that writes, so it is held back there, and taken away: but for one that the program
/// itself holds back, and that was there before.
class NoSigpipe final {
 public:
  NoSigpipe() noexcept {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    sigset_t pending;
    was_pending_ = is_blocked() && ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  void take_away() const noexcept {
    if (was_pending_) return;
    const base::ErrnoKeeper keeper;
    const timespec at_once{};
    while (::sigtimedwait(&sigpipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }

 private:
  bool is_blocked() const noexcept { return ::sigismember(&before_, SIGPIPE) == 1; }

  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_;
};

ssize_t write_quietly(int fd, const void* data, std::size_t size) noexcept {
  const NoSigpipe quiet;
  const ssize_t written = ::write(fd, data, io::at_once(size));
  if (written < 0 && errno == EPIPE) quiet.take_away();
  return written;
}

}  // namespace

void detail::make_pipe(RawFd& reading, RawFd& writing) {
  io::begin("pipe()");
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) base::throw_errno(errno, "pipe2");
  base::UniqueFd first(fds[0]), second(fds[1]);
  // Both directions, though only one is used: these are no halves of one thing.
  reading = RawFd(io::SharedFd::make(std::move(first)), RawFd::kBoth);
  writing = RawFd(io::SharedFd::make(std::move(second)), RawFd::kBoth);
}

namespace io {

std::size_t PipeReader::read(void* buffer, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::read, "read");
  if (size == 0) return 0;
  return static_cast<std::size_t>(turn.until_done([&] { return ::read(turn.fd(), buffer, at_once(size)); }));
}

std::size_t PipeReader::read_exact(void* buffer, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::read, "read_exact");
  for (std::size_t done = 0; done < size;) {
    const auto got =
        turn.until_done([&] { return ::read(turn.fd(), static_cast<char*>(buffer) + done, at_once(size - done)); });
    if (got == 0) detail::throw_unexpected_end(done, size);
    done += static_cast<std::size_t>(got);
    if (done < size) turn.go_on();
  }
  return size;
}

std::size_t PipeWriter::write(const void* data, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::write, "write");
  if (size == 0) return 0;
  return static_cast<std::size_t>(turn.until_done([&] { return write_quietly(turn.fd(), data, size); }));
}

void PipeWriter::write_all(const void* data, std::size_t size) const {
  Turn turn(fd_.shared(), Direction::write, "write_all");
  for (std::size_t done = 0; done < size;) {
    done += static_cast<std::size_t>(turn.until_done(
        [&] { return write_quietly(turn.fd(), static_cast<const char*>(data) + done, size - done); }));
    if (done < size) turn.go_on();
  }
}

}  // namespace io
}  // namespace runtime::inline v1
