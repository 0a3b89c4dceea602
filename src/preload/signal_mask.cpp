#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "preload/kept.hpp"
#include "preload/raw_call.hpp"
#include "preload/visit.hpp"

// The signal mask of a fiber is its own. The kernel keeps one for the thread, so it is put in place at switches, while
// either of the two fibers has changed its mask. (siglongjmp() changes it behind us: what is kept is read from the kernel.)

RUNTIME_PRELOAD_NEXT(int, pthread_sigmask, (int, const sigset_t*, sigset_t*))

namespace runtime::preload {
namespace {

/// What the kernel knows of a sigset_t, which has room for more: thread-locals are to be small.
using KernelsMask = std::uint64_t;

KernelsMask shortened(const sigset_t& set) noexcept {
  KernelsMask mask;
  std::memcpy(&mask, &set, sizeof mask);
  return mask;
}

sigset_t lengthened(KernelsMask mask) noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  std::memcpy(&set, &mask, sizeof mask);
  return set;
}

/// The mask of this thread where no fiber has changed it: fibers begin with it.
struct ThreadsOwn {
  bool is_known;
  KernelsMask mask;
};
constinit thread_local ThreadsOwn threads_own [[gnu::tls_model("initial-exec")]] = {};
/// The same of the runtimes around this one.
constinit thread_local std::array<ThreadsOwn, kDeepest> outer_ones [[gnu::tls_model("initial-exec")]] = {};

/// Like pthread_sigmask(): 0 or an error number. In complete mode SIGSYS is never blocked: a caught call would end the
/// program.
int change(int how, const sigset_t* set, sigset_t* before) noexcept {
  if (!process.is_complete || set == nullptr || how == SIG_UNBLOCK) return next_pthread_sigmask(how, set, before);
  sigset_t allowed = *set;
  ::sigdelset(&allowed, SIGSYS);
  return next_pthread_sigmask(how, &allowed, before);
}

}  // namespace

int change_on_fiber(FiberWords& fiber, int how, const sigset_t* set, sigset_t* before) noexcept {
  if (set == nullptr) return change(how, nullptr, before);
  sigset_t former;
  const int error = change(how, set, &former);
  if (error != 0) return error;
  if (before != nullptr) *before = former;
  sigset_t now;
  next_pthread_sigmask(SIG_SETMASK, nullptr, &now);
  keep_mask(fiber, former, now);
  return 0;
}

void keep_mask(FiberWords& fiber, const sigset_t& former, const sigset_t& now) noexcept {
  Kept* kept = kept_of(fiber);
  if (kept == nullptr) return;  // no memory: the mask is the thread's, then
  if (!threads_own.is_known) threads_own = {true, shortened(former)};
  kept->mask = now;
  kept->has_mask = shortened(now) != threads_own.mask;
  if (kept->has_mask) runtime_companion_watch_switches();
}

namespace {

/// A SIGPIPE is sent to the thread that wrote; blocked, it waits there, and would be delivered as soon as a fiber goes on
/// that does not block it. So it is taken with the fiber, and given back. True if there was one.
bool take_sigpipe(const Kept& kept) noexcept {
  if (!kept.has_mask || ::sigismember(&kept.mask, SIGPIPE) != 1) return false;
  const KernelsMask sigpipe = KernelsMask{1} << (SIGPIPE - 1);
  constexpr timespec kNow{0, 0};
  return runtime_preload_raw_call(SYS_rt_sigtimedwait, reinterpret_cast<long>(&sigpipe), 0,
                                  reinterpret_cast<long>(&kNow), sizeof sigpipe, 0, 0) == SIGPIPE;
}

}  // namespace

void begin_threads_mask(std::size_t depth) noexcept {
  outer_ones[depth] = threads_own;
  sigset_t now;
  threads_own.is_known = next_pthread_sigmask(SIG_SETMASK, nullptr, &now) == 0;
  if (threads_own.is_known) threads_own.mask = shortened(now);
}

void end_threads_mask(std::size_t depth) noexcept { threads_own = outer_ones[depth]; }

void switch_mask(Kept* from, Kept* to) noexcept {
  const bool has_changed = from != nullptr && from->has_mask;
  const bool will_change = to != nullptr && to->has_mask;
  if (!has_changed && !will_change) return;
  if (has_changed) from->has_sigpipe = take_sigpipe(*from);
  const sigset_t mask = will_change ? to->mask : lengthened(threads_own.mask);
  next_pthread_sigmask(SIG_SETMASK, &mask, has_changed ? &from->mask : nullptr);
  if (will_change && to->has_sigpipe) {
    to->has_sigpipe = false;
    ::pthread_kill(::pthread_self(), SIGPIPE);
  }
}

void end_mask(Kept& kept) noexcept {
  take_sigpipe(kept);  // what is pending for a thread goes with it
  const sigset_t mask = lengthened(threads_own.mask);
  if (kept.has_mask) next_pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  kept.has_mask = false;
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, pthread_sigmask, (int how, const sigset_t* set, sigset_t* before)) {
  using namespace runtime::preload;
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return next_pthread_sigmask(how, set, before);
  const Visit visit(*fiber, __builtin_return_address(0), call_pthread_sigmask);
  return visit.is_ours() ? change_on_fiber(FiberWords::of(*fiber), how, set, before) : change(how, set, before);
}

RUNTIME_PRELOAD_NEXT(int, sigprocmask, (int, const sigset_t*, sigset_t*))
RUNTIME_PRELOAD_EXPORT(int, sigprocmask, (int how, const sigset_t* set, sigset_t* before)) {
  using namespace runtime::preload;
  runtime_companion_words* fiber = runtime_companion_here();
  if (__builtin_expect(fiber == nullptr, 1)) return next_sigprocmask(how, set, before);
  const Visit visit(*fiber, __builtin_return_address(0), call_sigprocmask);
  const int error = visit.is_ours() ? change_on_fiber(FiberWords::of(*fiber), how, set, before) : change(how, set, before);
  if (error == 0) return 0;
  errno = error;
  return -1;
}
