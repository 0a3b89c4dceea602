#include "posix/signal_mask.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>

#include "base/system_error.hpp"

namespace runtime::inline v1::posix {

void SignalMask::deliver() const noexcept {
  if (mask_ == nullptr) return;
  const base::ErrnoKeeper keeper;
  const timespec none{0, 0};
  // The kernel looks for signals before it says that the time is over; each call may deliver several.
  while (::ppoll(nullptr, 0, &none, mask_) < 0 && errno == EINTR) {
  }
}

bool SignalMask::watch() noexcept {
  if (mask_ == nullptr) return true;
  sigset_t blocked, waited;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  sigemptyset(&waited);
  bool any = false;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (sigismember(&blocked, number) != 1 || sigismember(mask_, number) != 0) continue;
    sigaddset(&waited, number);
    any = true;
  }
  if (!any) return true;
  watched_ = base::UniqueFd(::signalfd(-1, &waited, SFD_NONBLOCK | SFD_CLOEXEC));
  return watched_.get() >= 0;
}

}  // namespace runtime::inline v1::posix
