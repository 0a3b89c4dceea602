#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include <runtime/posix.h>
#include <runtime/scope.hpp>

#include "preload/shell.hpp"
#include "preload/visit.hpp"

namespace runtime::preload {
namespace {

/// SIGINT and SIGQUIT ignored by the whole process for as long as somebody is in system(): the terminal sends them to
/// the command and to us. Several fibers and threads are in it at once: the first one saves, the last one restores.
/// (The C library counts those of plain threads apart. Who comes second there finds SIG_IGN, and so restores it, if he
/// leaves last.)
///
/// Thread safety: any thread.
class InterruptsIgnored final {
 public:
  InterruptsIgnored() noexcept {
    ::pthread_mutex_lock(&mutex_);
    if (count_++ == 0) {
      struct sigaction ignore {};
      ignore.sa_handler = SIG_IGN;
      ::sigaction(SIGINT, &ignore, &interrupt_);
      ::sigaction(SIGQUIT, &ignore, &quit_);
    }
    // The command is to get back what it would have had without system(): not more than the default.
    sigemptyset(&for_child_);
    if (interrupt_.sa_handler != SIG_IGN) sigaddset(&for_child_, SIGINT);
    if (quit_.sa_handler != SIG_IGN) sigaddset(&for_child_, SIGQUIT);
    ::pthread_mutex_unlock(&mutex_);
  }
  InterruptsIgnored(const InterruptsIgnored&) = delete;
  InterruptsIgnored& operator=(const InterruptsIgnored&) = delete;
  ~InterruptsIgnored() {
    ::pthread_mutex_lock(&mutex_);
    if (--count_ == 0) {
      ::sigaction(SIGINT, &interrupt_, nullptr);
      ::sigaction(SIGQUIT, &quit_, nullptr);
    }
    ::pthread_mutex_unlock(&mutex_);
  }

  const sigset_t& reset_in_child() const noexcept { return for_child_; }

 private:
  static pthread_mutex_t mutex_;
  static unsigned count_;                     // guarded by mutex_
  static struct sigaction interrupt_, quit_;  // guarded by mutex_: what was, while count_ > 0
  sigset_t for_child_;
};

pthread_mutex_t InterruptsIgnored::mutex_ = PTHREAD_MUTEX_INITIALIZER;
unsigned InterruptsIgnored::count_ = 0;
struct sigaction InterruptsIgnored::interrupt_;
struct sigaction InterruptsIgnored::quit_;

/// SIGCHLD blocked on this thread for as long as one of its fibers is in system(), so that no handler of the program
/// runs on it and takes the child first. The first one blocks, the last one puts back what was.
///
/// Thread safety: the thread's own.
class ChildSignalBlocked final {
 public:
  ChildSignalBlocked() noexcept {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &child, &before_);
    if (count_++ == 0) was_blocked_ = sigismember(&before_, SIGCHLD) == 1;
    if (!was_blocked_) sigdelset(&before_, SIGCHLD);
  }
  ChildSignalBlocked(const ChildSignalBlocked&) = delete;
  ChildSignalBlocked& operator=(const ChildSignalBlocked&) = delete;
  ~ChildSignalBlocked() {
    if (--count_ != 0 || was_blocked_) return;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ::pthread_sigmask(SIG_UNBLOCK, &child, nullptr);
  }

  /// The caller's mask without us.
  const sigset_t& before() const noexcept { return before_; }

 private:
  static thread_local unsigned count_;
  static thread_local bool was_blocked_;
  sigset_t before_;
};

constinit thread_local unsigned ChildSignalBlocked::count_ = 0;
constinit thread_local bool ChildSignalBlocked::was_blocked_ = false;

/// What posix_spawn() is to do about signals in the child.
class ChildSignals final {
 public:
  ChildSignals(const sigset_t& mask, const sigset_t& reset) noexcept {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigmask(&attributes_, &mask);
    ::posix_spawnattr_setsigdefault(&attributes_, &reset);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ChildSignals(const ChildSignals&) = delete;
  ChildSignals& operator=(const ChildSignals&) = delete;
  ~ChildSignals() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

/// The status of the child, once it has ended. A cancelled caller ends it first, as the cancellation of a thread does.
int await(pid_t child) noexcept {
  int status = 0;
  if (runtime_waitpid(child, &status, 0) == child) return status;
  if (errno == ECANCELED) {
    ::kill(child, SIGKILL);
    shield([&] { runtime_waitpid(child, &status, 0); });
    errno = ECANCELED;
  }
  return -1;
}

int run(const char* command) noexcept {
  const int errno_before = errno;
  int status, error;
  {
    const InterruptsIgnored interrupts;
    const ChildSignalBlocked child_signal;
    const ChildSignals signals(child_signal.before(), interrupts.reset_in_child());
    pid_t child;
    error = start_shell(&child, command, nullptr, signals.get());
    if (error != 0) {
      status = W_EXITCODE(127, 0);  // as if the shell had not been found by somebody who had started
    } else {
      errno = errno_before;
      status = await(child);
      error = errno;
    }
  }
  errno = error;
  return status;
}

int run_or_ask(const char* command) noexcept { return command != nullptr ? run(command) : run("exit 0") == 0; }

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, system, (const char* command), (command), run_or_ask(command))
