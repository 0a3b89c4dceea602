#pragma once

#include <cerrno>
#include <exception>

#include <runtime/error.hpp>

#include "io/offload.hpp"
#include "io/wait.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::fs {

/// What becomes of a call when the runtime shuts down.
enum class Fate : bool {
  may_be_refused,  // Errc::shut_down when the pool takes nothing new
  is_certain,      // once begun it is done: for what writes
};

/// Where a wait of this floor begins: costs a unit of the budget. Throws: Cancelled. False on a plain thread.
inline bool begin_call() {
  if (!io::begin_call()) return false;
  task::throw_if_cancelled(*task::parkable());
  return true;
}

/// Makes a call that waits for a disk: on the pool of a fiber's runtime, at once on a plain thread. It cannot be taken
/// back, so a cancelled fiber waits for it, and throws then. After begin_call().
///
/// Where the pool refuses what is certain, or what a destructor does while the fiber unwinds, or has no thread, the
/// call is made here: that holds up the thread for a moment, while an error would lose data or end the program.
///
/// call: () noexcept -> 0 or an errno, which is returned. Throws: Error shut_down; Cancelled.
template <class Call>
int call_on_pool(Fate fate, Call call) {
  static_assert(noexcept(call()));
  task::Task* task = task::parkable();
  if (task == nullptr) return call();
  struct Job {
    Call& call;
    int error = 0;
    static void run(void* raw) noexcept {
      Job* job = static_cast<Job*>(raw);
      job->error = job->call();
    }
  };
  Job job{call};
  const int refused = fate == Fate::is_certain ? io::offload_mandatory(&Job::run, &job) : io::offload(&Job::run, &job);
  if (refused != 0) {
    if (fate == Fate::may_be_refused) {
      task::throw_if_cancelled(*task);
      if (refused == ECANCELED && std::uncaught_exceptions() == 0) {
        throw Error(Errc::shut_down,
                    "a file is used while the runtime shuts down: its blocking pool takes nothing new");
      }
    }
    Job::run(&job);
  }
  task::throw_if_cancelled(*task);
  return job.error;
}

/// The call again as long as a signal interrupts it; its result, or -1 with errno.
template <class Call>
auto uninterrupted(Call call) noexcept -> decltype(call()) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace runtime::inline v1::fs
