#include "process/child_process.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/system_error.hpp"

namespace runtime::inline v1::process {
namespace {

// <sys/wait.h> and <sys/pidfd.h> have them since glibc 2.36.
constexpr auto kByPidfd = static_cast<idtype_t>(3);  // P_PIDFD

int send_signal(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

int to_wait_status(const siginfo_t& info) noexcept {
  constexpr int kCoreFlag = 0x80;
  switch (info.si_code) {
    case CLD_EXITED:
      return (info.si_status & 0xff) << 8;
    case CLD_DUMPED:
      return info.si_status | kCoreFlag;
    default:
      return info.si_status;
  }
}

}  // namespace

int ChildProcess::take(pid_t pid) noexcept {
  pid_ = pid;
  pidfd_ = base::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  gone_ = pidfd_.get() < 0;
  if (!gone_) return 0;
  const int error = errno;
  // It has ended already and SIGCHLD is ignored, so the kernel has forgotten it; or the program reaps what is not its
  // own.
  lost_ = error == ESRCH;
  if (lost_) return 0;
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return error;
}

int ChildProcess::reap(bool blocks) noexcept {
  if (gone_) return lost_ ? ECHILD : 0;
  const base::ErrnoKeeper errno_before;
  siginfo_t info;
  int result;
  do {
    info.si_pid = 0;  // stays so when it runs
    result = ::waitid(kByPidfd, static_cast<id_t>(pidfd_.get()), &info, blocks ? WEXITED : WEXITED | WNOHANG);
  } while (result < 0 && errno == EINTR);
  if (result == 0 && info.si_pid == 0) return EAGAIN;
  gone_ = true;
  lost_ = result < 0;
  if (lost_) return ECHILD;
  wait_status_ = to_wait_status(info);
  return 0;
}

int ChildProcess::kill(int signal) noexcept {
  if (gone_) return 0;
  const base::ErrnoKeeper errno_before;
  if (send_signal(pidfd_.get(), signal) == 0 || errno == ESRCH) return 0;
  return errno;
}

}  // namespace runtime::inline v1::process
