#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <runtime/posix.h>

#include <cerrno>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "io/pauses.hpp"
#include "io/wait.hpp"
#include "posix/flag_loan.hpp"
#include "posix/patience.hpp"

namespace runtime::inline v1::posix {
namespace {

// <sys/wait.h> has it since glibc 2.36.
constexpr auto kByPidfd = static_cast<idtype_t>(3);  // P_PIDFD

/// How a call waits for a child to have news.
///
/// Thread safety: the fiber's own. Owns: a pidfd.
class ChildWait final {
 public:
  /// watched: readable when the child has ended; -1: nothing tells. only_end: there is no other news to wait for.
  ChildWait(int watched, bool only_end) noexcept : watched_(watched), only_end_(only_end) {}

  /// Parks until another try may succeed; that may be spurious. False with errno.
  bool wait() noexcept {
    // Reported, and not to be had all the same: whoever traces it has it first.
    if (watched_ < 0 || was_ready_) return pauses_.pause();
    constexpr base::Nanos kLookAgain = 8'000'000;
    switch (io::wait_fd(watched_, io::kReadable, base::kForever, only_end_ ? base::kForever : kLookAgain)) {
      case io::WaitEnd::ready:
      case io::WaitEnd::timed_out:
        was_ready_ = has_ended();
        return true;
      case io::WaitEnd::cancelled:
        errno = ECANCELED;
        return false;
      case io::WaitEnd::closed:
        break;
    }
    errno = EBADF;
    return false;
  }

 private:
  bool has_ended() const noexcept {
    pollfd look{watched_, POLLIN, 0};
    return ::poll(&look, 1, 0) == 1;
  }

  const int watched_;
  const bool only_end_;
  bool was_ready_ = false;
  io::Pauses pauses_;
};

base::UniqueFd pidfd_of(pid_t pid) noexcept {
  return base::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

/// look(): one try with WNOHANG, result 0: nothing yet.
template <class Look>
auto until_news(ChildWait& child, Look look) noexcept -> decltype(look()) {
  for (;;) {
    if (!child.wait()) return -1;
    const auto result = look();
    if (result != 0 && !(result < 0 && errno == EINTR)) return result;
  }
}

pid_t wait_parking(pid_t pid, int* status, int options, rusage* usage) noexcept {
  const auto look = [=] { return ::wait4(pid, status, options | WNOHANG, usage); };
  const pid_t found = look();
  if (found != 0 || (options & WNOHANG) != 0) return found;
  const base::UniqueFd pidfd = pid > 0 ? pidfd_of(pid) : base::UniqueFd();
  ChildWait child(pidfd.get(), options == 0);
  return until_news(child, look);
}

int waitid_parking(idtype_t type, id_t id, siginfo_t* info, int options) noexcept {
  siginfo_t own{};
  siginfo_t* const into = info != nullptr ? info : &own;
  // 1: there is news. The kernel fills the answer in each time, with a pid of 0 for none.
  const auto look = [=]() noexcept {
    const int result = ::waitid(type, id, into, options | WNOHANG);
    return result == 0 && into->si_pid != 0 ? 1 : result;
  };
  const int found = look();
  if (found != 0 || (options & WNOHANG) != 0) return found < 0 ? -1 : 0;
  const bool by_pidfd = type == kByPidfd;
  if (by_pidfd && is_nonblocking(static_cast<int>(id))) {
    errno = EAGAIN;
    return -1;
  }
  const bool awaits_end = (options & WEXITED) != 0;
  const base::UniqueFd pidfd = awaits_end && type == P_PID ? pidfd_of(static_cast<pid_t>(id)) : base::UniqueFd();
  ChildWait child(by_pidfd && awaits_end ? static_cast<int>(id) : pidfd.get(), (options & ~WNOWAIT) == WEXITED);
  return until_news(child, look) < 0 ? -1 : 0;
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

pid_t runtime_waitpid(pid_t pid, int* status, int options) { return runtime_wait4(pid, status, options, nullptr); }

pid_t runtime_wait(int* status) { return runtime_wait4(-1, status, 0, nullptr); }

pid_t runtime_wait4(pid_t pid, int* status, int options, rusage* usage) {
  if (!io::begin_call()) return ::wait4(pid, status, options, usage);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::wait_parking(pid, status, options, usage));
}

int runtime_waitid(idtype_t type, id_t id, siginfo_t* info, int options) {
  if (!io::begin_call()) return ::waitid(type, id, info, options);
  const posix::KeepErrno errno_before;
  return errno_before.unless_failed(posix::waitid_parking(type, id, info, options));
}
