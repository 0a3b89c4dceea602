#include "preload/system_call.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <runtime/posix.h>

#include "preload/futex_wait.hpp"
#include "preload/on_pool.hpp"
#include "preload/signal_wait.hpp"

namespace runtime::preload {
namespace {

template <class T>
T* pointer(long value) noexcept {
  return reinterpret_cast<T*>(value);
}
int number(long value) noexcept { return static_cast<int>(value); }
std::size_t size(long value) noexcept { return static_cast<std::size_t>(value); }

/// -1 with errno, as the kernel says it.
template <class Result>
long kernels(Result result) noexcept {
  return result < 0 ? -errno : static_cast<long>(result);
}

/// The kernel's signal masks are 8 bytes; sigset_t has room for more.
class Mask final {
 public:
  explicit Mask(const void* kernels_mask) noexcept : is_given_(kernels_mask != nullptr) {
    ::sigemptyset(&mask_);
    if (is_given_) *reinterpret_cast<std::uint64_t*>(&mask_) = *static_cast<const std::uint64_t*>(kernels_mask);
  }
  const sigset_t* get() const noexcept { return is_given_ ? &mask_ : nullptr; }

 private:
  bool is_given_;
  sigset_t mask_;
};

// The sixth argument of pselect6(): where the mask is.
struct MaskPlace {
  const void* mask;
  std::size_t size;
};

int milliseconds(const timespec& limit) noexcept {
  if (limit.tv_sec > INT_MAX / 1000 - 1) return -1;
  return number(limit.tv_sec * 1000 + (limit.tv_nsec + 999'999) / 1'000'000);
}

long wait_for_readiness(const SystemCall& c, long (*forward)(const SystemCall&) noexcept) noexcept {
  switch (c.number) {
    case SYS_poll: return kernels(runtime_poll(pointer<pollfd>(c.a), static_cast<nfds_t>(c.b), number(c.c)));
    case SYS_ppoll: {
      const Mask mask(pointer<void>(c.d));
      return kernels(runtime_ppoll(pointer<pollfd>(c.a), static_cast<nfds_t>(c.b), pointer<timespec>(c.c), mask.get()));
    }
    case SYS_select:
      return kernels(runtime_select(number(c.a), pointer<fd_set>(c.b), pointer<fd_set>(c.c), pointer<fd_set>(c.d),
                                    pointer<timeval>(c.e)));
    case SYS_pselect6: {
      const auto* place = pointer<const MaskPlace>(c.f);
      const Mask mask(place != nullptr ? place->mask : nullptr);
      return kernels(runtime_pselect(number(c.a), pointer<fd_set>(c.b), pointer<fd_set>(c.c), pointer<fd_set>(c.d),
                                     pointer<timespec>(c.e), mask.get()));
    }
    case SYS_epoll_wait:
      return kernels(runtime_epoll_wait(number(c.a), pointer<epoll_event>(c.b), number(c.c), number(c.d)));
    case SYS_epoll_pwait: {
      const Mask mask(pointer<void>(c.e));
      return kernels(
          runtime_epoll_pwait(number(c.a), pointer<epoll_event>(c.b), number(c.c), number(c.d), mask.get()));
    }
    case SYS_epoll_pwait2: {
      const Mask mask(pointer<void>(c.e));
      const auto* limit = pointer<const timespec>(c.d);
      return kernels(runtime_epoll_pwait(number(c.a), pointer<epoll_event>(c.b), number(c.c),
                                         limit != nullptr ? milliseconds(*limit) : -1, mask.get()));
    }
    default: return forward(c);
  }
}

long move_bytes(const SystemCall& c, long (*forward)(const SystemCall&) noexcept) noexcept {
  switch (c.number) {
    case SYS_read: return kernels(runtime_read(number(c.a), pointer<void>(c.b), size(c.c)));
    case SYS_write: return kernels(runtime_write(number(c.a), pointer<void>(c.b), size(c.c)));
    case SYS_readv: return kernels(runtime_readv(number(c.a), pointer<iovec>(c.b), number(c.c)));
    case SYS_writev: return kernels(runtime_writev(number(c.a), pointer<iovec>(c.b), number(c.c)));
    case SYS_pread64: return kernels(runtime_pread(number(c.a), pointer<void>(c.b), size(c.c), c.d));
    case SYS_pwrite64: return kernels(runtime_pwrite(number(c.a), pointer<void>(c.b), size(c.c), c.d));
    case SYS_preadv: return kernels(runtime_preadv(number(c.a), pointer<iovec>(c.b), number(c.c), c.d));
    case SYS_pwritev: return kernels(runtime_pwritev(number(c.a), pointer<iovec>(c.b), number(c.c), c.d));
    case SYS_preadv2:
      if (c.f != 0) return forward(c);  // flags of its own: RWF_NOWAIT never waits
      return kernels(c.d == -1 ? runtime_readv(number(c.a), pointer<iovec>(c.b), number(c.c))
                               : runtime_preadv(number(c.a), pointer<iovec>(c.b), number(c.c), c.d));
    case SYS_pwritev2:
      if (c.f != 0) return forward(c);
      return kernels(c.d == -1 ? runtime_writev(number(c.a), pointer<iovec>(c.b), number(c.c))
                               : runtime_pwritev(number(c.a), pointer<iovec>(c.b), number(c.c), c.d));
    case SYS_recvfrom:
      return kernels(runtime_recvfrom(number(c.a), pointer<void>(c.b), size(c.c), number(c.d), pointer<sockaddr>(c.e),
                                      pointer<socklen_t>(c.f)));
    case SYS_recvmsg: return kernels(runtime_recvmsg(number(c.a), pointer<msghdr>(c.b), number(c.c)));
    case SYS_recvmmsg:
      return kernels(runtime_recvmmsg(number(c.a), pointer<mmsghdr>(c.b), static_cast<unsigned>(c.c), number(c.d),
                                      pointer<timespec>(c.e)));
    case SYS_sendto:
      return kernels(runtime_sendto(number(c.a), pointer<void>(c.b), size(c.c), number(c.d), pointer<sockaddr>(c.e),
                                    static_cast<socklen_t>(c.f)));
    case SYS_sendmsg: return kernels(runtime_sendmsg(number(c.a), pointer<msghdr>(c.b), number(c.c)));
    case SYS_sendmmsg:
      return kernels(runtime_sendmmsg(number(c.a), pointer<mmsghdr>(c.b), static_cast<unsigned>(c.c), number(c.d)));
    case SYS_connect:
      return kernels(runtime_connect(number(c.a), pointer<sockaddr>(c.b), static_cast<socklen_t>(c.c)));
    case SYS_accept: return kernels(runtime_accept(number(c.a), pointer<sockaddr>(c.b), pointer<socklen_t>(c.c)));
    case SYS_accept4:
      return kernels(runtime_accept4(number(c.a), pointer<sockaddr>(c.b), pointer<socklen_t>(c.c), number(c.d)));
    default: return forward(c);
  }
}

long use_descriptors(const SystemCall& c, long (*forward)(const SystemCall&) noexcept) noexcept {
  switch (c.number) {
    case SYS_close: return kernels(runtime_close(number(c.a)));
    case SYS_dup2: return kernels(runtime_dup2(number(c.a), number(c.b)));
    case SYS_dup3: return kernels(runtime_dup3(number(c.a), number(c.b), number(c.c)));
    case SYS_shutdown: return kernels(runtime_shutdown(number(c.a), number(c.b)));
    case SYS_fcntl:
      // Those that wait, and those that could see a flag of ours; of the others some have negative answers.
      if (c.b != F_SETLKW && c.b != F_OFD_SETLKW && c.b != F_GETFL && c.b != F_SETFL) return forward(c);
      return kernels(runtime_fcntl(number(c.a), number(c.b), c.c));
    case SYS_flock: return kernels(runtime_flock(number(c.a), number(c.b)));
    case SYS_open: return kernels(runtime_open(pointer<char>(c.a), number(c.b), static_cast<mode_t>(c.c)));
    case SYS_openat:
      return kernels(runtime_openat(number(c.a), pointer<char>(c.b), number(c.c), static_cast<mode_t>(c.d)));
    case SYS_creat: return kernels(runtime_creat(pointer<char>(c.a), static_cast<mode_t>(c.b)));
    case SYS_fsync: return kernels(runtime_fsync(number(c.a)));
    case SYS_fdatasync: return kernels(runtime_fdatasync(number(c.a)));
    default: return forward(c);
  }
}

long wait_for_others(const SystemCall& c, long (*forward)(const SystemCall&) noexcept) noexcept {
  switch (c.number) {
    case SYS_nanosleep: return kernels(runtime_nanosleep(pointer<timespec>(c.a), pointer<timespec>(c.b)));
    case SYS_clock_nanosleep:
      return -runtime_clock_nanosleep(static_cast<clockid_t>(c.a), number(c.b), pointer<timespec>(c.c),
                                      pointer<timespec>(c.d));
    case SYS_wait4:
      return kernels(runtime_wait4(static_cast<pid_t>(c.a), pointer<int>(c.b), number(c.c), pointer<rusage>(c.d)));
    case SYS_waitid:
      if (c.e != 0) return forward(c);  // what the child used: no call of ours tells that, and few ask
      return kernels(runtime_waitid(static_cast<idtype_t>(c.a), static_cast<id_t>(c.b), pointer<siginfo_t>(c.c),
                                    number(c.d)));
    case SYS_futex: {
      const int command = number(c.b) & FUTEX_CMD_MASK;
      if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET) return forward(c);
      return wait_on_futex(pointer<std::uint32_t>(c.a), number(c.b), static_cast<std::uint32_t>(c.c),
                           pointer<timespec>(c.d));
    }
    case SYS_pause: return kernels(pause_parking());
    case SYS_rt_sigsuspend: {
      const Mask mask(pointer<void>(c.a));
      return kernels(suspend_parking(mask.get()));
    }
    case SYS_rt_sigtimedwait: {
      const Mask mask(pointer<void>(c.a));
      return kernels(wait_signal_parking(mask.get(), pointer<siginfo_t>(c.b), pointer<timespec>(c.c)));
    }
    default: return forward(c);
  }
}

/// Calls that the kernel offers no way to try: a pool thread is held instead of ours.
bool is_for_pool(long call) noexcept {
  switch (call) {
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_mq_timedreceive:
    case SYS_mq_timedsend:
    case SYS_sync:
    case SYS_syncfs:
    case SYS_msync:
    case SYS_sync_file_range:
    case SYS_copy_file_range:
    case SYS_fallocate:
    case SYS_sendfile:
    case SYS_splice:
    case SYS_tee:
    case SYS_io_getevents: return true;
    default: return false;
  }
}

long run_on_pool(const SystemCall& call, long (*forward)(const SystemCall&) noexcept) noexcept {
  return on_pool([&call, forward] { return forward(call); });
}

}  // namespace

long make_system_call(const SystemCall& call, long (*forward)(const SystemCall& call) noexcept) noexcept {
  if (is_for_pool(call.number)) return run_on_pool(call, forward);
  switch (call.number) {
    case SYS_poll: case SYS_ppoll: case SYS_select: case SYS_pselect6:
    case SYS_epoll_wait: case SYS_epoll_pwait: case SYS_epoll_pwait2:
      return wait_for_readiness(call, forward);
    case SYS_close: case SYS_dup2: case SYS_dup3: case SYS_shutdown: case SYS_fcntl: case SYS_flock:
    case SYS_open: case SYS_openat: case SYS_creat: case SYS_fsync: case SYS_fdatasync:
      return use_descriptors(call, forward);
    case SYS_nanosleep: case SYS_clock_nanosleep: case SYS_wait4: case SYS_waitid: case SYS_futex:
    case SYS_pause: case SYS_rt_sigsuspend: case SYS_rt_sigtimedwait:
      return wait_for_others(call, forward);
    default: return move_bytes(call, forward);
  }
}

}  // namespace runtime::preload
