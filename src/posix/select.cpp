#include <sys/select.h>

#include <runtime/posix.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/clock.hpp"
#include "io/pauses.hpp"
#include "io/wait.hpp"
#include "posix/patience.hpp"
#include "posix/poll_set.hpp"
#include "posix/select_sets.hpp"
#include "posix/time_limit.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::posix {
namespace {

int fail(int error) noexcept {
  errno = error;
  return -1;
}

int select_parking(SelectSets& sets, base::Nanos deadline, bool only_looks, const sigset_t* mask) noexcept {
  if (!sets.keep()) return fail(ENOMEM);
  SignalMask signals(mask);
  int ready = sets.look();
  if (ready != 0) return ready;
  signals.deliver();
  if (!only_looks) {
    nfds_t length;
    const std::unique_ptr<pollfd[]> list = sets.list(length);
    PollSet set(list.get(), length, signals, PollSet::For::select);
    if (list == nullptr || !set.fill()) return fail(ENOMEM);
    io::Pauses pauses;
    for (bool in_vain = false;; in_vain = !in_vain) {
      // A number that is no descriptor, and that the kernel does not look at because it is beyond its table, is "ready".
      const io::WaitEnd end = in_vain ? pauses.next(deadline) : set.wait(deadline);
      if (end == io::WaitEnd::cancelled) return fail(ECANCELED);
      if (set.has_closed()) return fail(EBADF);
      ready = sets.look();
      if (ready != 0) return ready;
      if (end == io::WaitEnd::timed_out) break;
      signals.deliver();
    }
  }
  sets.clear();
  return 0;
}

/// The limit of select(), whose microseconds may be a million and more.
bool read_timeval(const timeval* time, base::Nanos& limit) noexcept {
  limit = base::kForever;
  if (time == nullptr) return true;
  if (time->tv_sec < 0 || time->tv_usec < 0) {
    errno = EINVAL;
    return false;
  }
  constexpr base::Nanos kMicrosecond = 1000;
  if (time->tv_sec < base::kForever / kSecond / 2 && time->tv_usec < base::kForever / kMicrosecond / 2) {
    limit = time->tv_sec * kSecond + time->tv_usec * kMicrosecond;
  }
  return true;
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace base = runtime::base;
namespace io = runtime::io;
namespace posix = runtime::posix;
namespace rt_time = runtime::time;

int runtime_select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, timeval* limit) {
  if (!io::begin_call()) return ::select(count, readable, writable, exceptional, limit);
  const posix::KeepErrno errno_before;
  base::Nanos nanos;
  if (!posix::read_timeval(limit, nanos)) return -1;
  const base::Nanos deadline = rt_time::deadline_after(nanos);
  posix::SelectSets sets(count, readable, writable, exceptional);
  const int ready = posix::select_parking(sets, deadline, nanos == 0, nullptr);
  if (limit != nullptr && nanos != base::kForever) {
    const timespec left = base::to_timespec(std::max<base::Nanos>(deadline - rt_time::now(), 0));
    *limit = timeval{left.tv_sec, left.tv_nsec / 1000};
  }
  return errno_before.unless_failed(ready);
}

int runtime_pselect(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, const timespec* limit,
                    const sigset_t* mask) {
  if (!io::begin_call()) return ::pselect(count, readable, writable, exceptional, limit, mask);
  const posix::KeepErrno errno_before;
  base::Nanos nanos;
  if (!posix::read_limit(limit, nanos)) return -1;
  posix::SelectSets sets(count, readable, writable, exceptional);
  const int ready = posix::select_parking(sets, rt_time::deadline_after(nanos), nanos == 0, mask);
  return errno_before.unless_failed(ready);
}
