#pragma once

#include <cerrno>

#include "io/offload.hpp"
#include "io/wait.hpp"

namespace runtime::inline v1::posix {

/// Makes a call on the pool of the runtime. It cannot be taken back: a cancelled fiber waits for it, too.
///
/// Where the pool takes nothing, the call is made here: that holds up the thread for a moment, while an error would
/// lose what a destructor writes, or leak what it closes, during shutdown.
template <class Call>
auto call_on_pool(Call call) noexcept -> decltype(call()) {
  using Result = decltype(call());
  struct Job {
    Call& call_;
    Result result;
    static void run(void* raw) noexcept {
      Job* job = static_cast<Job*>(raw);
      job->result = job->call_();
    }
  };
  Job job{call, Result{}};
  if (io::offload(&Job::run, &job) != 0) Job::run(&job);
  return job.result;
}

/// The same for a call that waits for a disk: a task that is cancelled already does not begin it.
template <class Call>
auto call_on_disk(Call call) noexcept -> decltype(call()) {
  if (io::cancel_pending()) {
    errno = ECANCELED;
    return -1;
  }
  return call_on_pool([&call] {
    for (;;) {
      const auto result = call();
      if (result >= 0 || errno != EINTR) return result;
    }
  });
}

}  // namespace runtime::inline v1::posix
