#pragma once

// What the tests of runtime::sync share: a second runtime on a thread of its own, and plain threads, beside the checked
// house of support.hpp.

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

namespace api_test {

namespace sync = runtime::sync;

/// A plain thread that is joined when it goes, so that no check hides a thread left behind.
class Thread {
 public:
  template <class F>
  explicit Thread(F f) : thread_(std::move(f)) {}
  Thread(Thread&&) = default;
  ~Thread() {
    if (thread_.joinable()) thread_.join();
  }
  void join() { thread_.join(); }

 private:
  std::thread thread_;
};

/// Runs f in a block_on of a runtime of its own, on a thread of its own.
class OtherRuntime {
 public:
  template <class F>
  explicit OtherRuntime(F f)
      : thread_([f = std::move(f)]() mutable {
          LocalRuntime rt;
          rt.block_on(std::move(f));
        }) {}
  void join() { thread_.join(); }

 private:
  Thread thread_;
};

/// True when joining the task says that it was cancelled.
template <class T>
bool was_cancelled(JoinHandle<T>& task) {
  try {
    static_cast<void>(task.join());
  } catch (const JoinError& error) {
    return error.code() == Errc::cancelled;
  }
  return false;
}

/// Spawns f and lets it go as far as it can.
template <class F>
auto spawn_settled(F f) {
  auto task = runtime::spawn_local(std::move(f));
  settle();
  return task;
}

/// The wait f, begun by a task that has been aborted already, ends as cancelled.
template <class F>
bool is_suspension_point(F f) {
  std::optional<runtime::AbortHandle> self;
  auto task = runtime::spawn_local([&] {
    self->abort();
    f();
  });
  self = task.abort_handle();
  return was_cancelled(task);
}

}  // namespace api_test
