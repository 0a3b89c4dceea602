#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <runtime/builder.hpp>
#include <runtime/export.hpp>
#include <runtime/handle.hpp>
#include <runtime/task.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// One task of a LocalPool's worker, counted until its closure is destroyed, however that comes about.
class WorkerLoad final {
 public:
  /// Takes over one that is counted already.
  explicit WorkerLoad(std::atomic<std::size_t>& tasks) noexcept : tasks_(&tasks) {}
  WorkerLoad(WorkerLoad&& other) noexcept : tasks_(std::exchange(other.tasks_, nullptr)) {}
  WorkerLoad& operator=(WorkerLoad&&) = delete;
  ~WorkerLoad() {
    if (tasks_ != nullptr) tasks_->fetch_sub(1, std::memory_order_seq_cst);
  }

 private:
  std::atomic<std::size_t>* tasks_;
};

template <class F>
struct PinnedClosure {
  WorkerLoad load;  // before the closure: its captures go first
  F closure;
  std::invoke_result_t<F> operator()() && { return std::invoke(std::move(closure)); }
};

}  // namespace detail

/// A fixed number of threads, each with a LocalRuntime of its own, for work that is spread over cores and then stays
/// where it is.
///
/// Movable, not copyable. One that has been moved from may only be assigned to or destroyed.
/// Thread safety: any thread, but for moving and destroying.
/// See: LocalPoolHandle of tokio-util.
class RUNTIME_API LocalPool final {
 public:
  /// Starts the threads and builds a runtime on each. They are named as the builder's runtime, or "runtime-local".
  ///
  /// Parks: until every runtime is built.
  /// Throws: Error invalid_argument for 0 threads; std::system_error naming what the kernel refused; std::bad_alloc. No
  /// thread is left then.
  explicit LocalPool(std::size_t threads, const Builder& builder = Builder());
  LocalPool(LocalPool&&) noexcept;
  LocalPool& operator=(LocalPool&&) noexcept;
  /// Every worker cancels and unwinds its tasks and waits for its blocking closures, as ~LocalRuntime does; then the
  /// threads are joined.
  ///
  /// Parks: until then. On one of its own threads it reports and terminates.
  ~LocalPool();

  /// Moves f to the worker with the fewest tasks, the first of several, and runs it there as a task. It may spawn_local()
  /// what never leaves that thread.
  ///
  /// What leaves f comes out of join(), on any thread; the worker goes on. Throws: std::bad_alloc.
  template <class F>
  auto spawn_pinned(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const {
    return spawn_on(choose(), std::forward<F>(f), file, line);
  }
  /// The same on the worker of that index. Throws: Error invalid_argument if there is none; std::bad_alloc.
  template <class F>
  auto spawn_pinned_by_idx(F&& f, std::size_t index, const char* file = __builtin_FILE(),
                           unsigned line = __builtin_LINE()) const {
    return spawn_on(choose(index), std::forward<F>(f), file, line);
  }

  std::size_t num_threads() const;
  /// Of each worker how many tasks of spawn_pinned() and spawn_pinned_by_idx() it has that have not ended, by index. One
  /// that was joined is not among them.
  std::vector<std::size_t> get_task_loads_for_each_worker() const {
    std::vector<std::size_t> loads(num_threads());
    for (std::size_t i = 0; i < loads.size(); ++i) loads[i] = load_of(i);
    return loads;
  }

 private:
  class RUNTIME_LOCAL Impl;
  struct Worker {
    const Handle* handle;
    std::atomic<std::size_t>* load;  // counts the task that is about to be spawned
  };
  Worker choose() const;
  Worker choose(std::size_t index) const;
  std::size_t load_of(std::size_t index) const;
  RUNTIME_LOCAL Impl& impl() const;

  template <class F>
  static auto spawn_on(Worker worker, F&& f, const char* file, unsigned line) {
    detail::WorkerLoad load(*worker.load);
    return worker.handle->spawn(detail::PinnedClosure<std::decay_t<F>>{std::move(load), std::forward<F>(f)}, file, line);
  }

  std::unique_ptr<Impl> impl_;
};

}  // namespace v1
}  // namespace runtime
