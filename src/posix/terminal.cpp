#include "posix/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>

#include <algorithm>
#include <cerrno>

#include "io/wait.hpp"
#include "posix/flag_loan.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::posix {
namespace {

// While VTIME is 0 the kernel calls a terminal readable only when VMIN bytes are in its buffer. Those we have taken out
// already no longer count, so the rest is looked for at this interval.
constexpr base::Nanos kLookAgain = 10'000'000;

base::Nanos patience_of(const RawMode& mode, bool has_bytes, base::Nanos start) noexcept {
  if (mode.time == 0) return base::kForever;
  if (mode.bytes == 0) return start + mode.time;
  return has_bytes ? time::deadline_after(mode.time) : base::kForever;
}

}  // namespace

RawMode raw_mode_of(int fd) noexcept {
  constexpr RawMode kPlain{false, 1, 0};
  termios settings;
  unsigned number;
  // The master of a pseudo-terminal answers with the settings of the other side, which are not its own.
  if (::tcgetattr(fd, &settings) != 0 || ::ioctl(fd, TIOCGPTN, &number) == 0) return kPlain;
  if ((settings.c_lflag & ICANON) != 0 || settings.c_cc[VMIN] == 1) return kPlain;
  constexpr base::Nanos kTenth = 100'000'000;
  return RawMode{true, settings.c_cc[VMIN], settings.c_cc[VTIME] * kTenth};
}

ssize_t read_raw(int fd, Parts parts, RawMode mode) noexcept {
  const base::Nanos start = time::now();
  const auto enough = static_cast<ssize_t>(std::min<std::size_t>(std::max(mode.bytes, 1u), parts.bytes()));
  ssize_t moved = 0;
  for (;;) {
    ssize_t result;
    bool is_refused;
    {
      const FlagLoan loan(fd);
      result = ::readv(fd, parts.data(), static_cast<int>(parts.count()));
      is_refused = loan.was_set();
    }
    if (result > 0) {
      moved += result;
      if (moved >= enough) return moved;
      parts.advance(static_cast<std::size_t>(result));
    } else if (result == 0) {
      return moved;
    } else if (errno == EINTR) {
      continue;
    } else if (errno != EAGAIN) {
      return moved > 0 ? moved : -1;
    }
    if (is_refused) return moved > 0 ? moved : -1;

    const base::Nanos deadline = patience_of(mode, moved > 0, start);
    const bool looks_again = mode.time == 0 && mode.bytes > 1;
    switch (io::wait_fd(fd, io::kReadable, deadline, looks_again ? kLookAgain : base::kForever)) {
      case io::WaitEnd::ready:
        break;
      case io::WaitEnd::timed_out:
        return moved;
      case io::WaitEnd::cancelled:
        errno = ECANCELED;
        return moved > 0 ? moved : -1;
      case io::WaitEnd::closed:
        errno = EBADF;
        return moved > 0 ? moved : -1;
    }
  }
}

}  // namespace runtime::inline v1::posix
