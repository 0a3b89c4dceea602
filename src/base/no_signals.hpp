#pragma once

#include <pthread.h>

#include <csignal>

namespace runtime::inline v1::base {

/// While it lives, this thread takes no signal, and a thread that it starts never does: the program's signals are for the
/// program's own threads.
///
/// Thread safety: one thread.
class NoSignals final {
 public:
  NoSignals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace runtime::inline v1::base
