#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/root_scope.hpp>
#include <runtime/detail/spawn.hpp>
#include <runtime/export.hpp>
#include <runtime/handle.hpp>
#include <runtime/metrics.hpp>
#include <runtime/task.hpp>

namespace runtime {
inline namespace v1 {

/// What a shutdown did.
struct ShutdownReport {
  std::size_t tasks_cancelled;        // tasks that had not ended when the shutdown began
  std::size_t blocking_cancelled;     // closures that were queued and never ran
  std::size_t blocking_left_running;  // closures still running, and queued writes of fs, at the limit; they go on
  std::size_t tasks_left_parked;      // tasks still waiting when the limit came; their stacks stay mapped, not unwound
};

/// A runtime for fibers on one thread: the one that built it, its owner thread.
///
/// Movable on its thread, not copyable. A LocalRuntime that has been moved from may only be assigned to or destroyed.
/// Thread safety: owner thread; calls from another thread throw Error wrong_thread and change nothing.
class RUNTIME_API LocalRuntime final {
 public:
  /// Builder().build_local(). Throws: std::system_error when the kernel refuses a descriptor; std::bad_alloc.
  LocalRuntime();
  LocalRuntime(LocalRuntime&& other) noexcept : inner_(std::exchange(other.inner_, nullptr)) {}
  LocalRuntime& operator=(LocalRuntime&& other) noexcept;
  /// Cancels and unwinds every task here, then waits, without limit, for blocking closures that have started.
  ///
  /// On the wrong thread, or inside this runtime's own block_on, it reports and terminates.
  ~LocalRuntime();

  /// Runs f on the caller's own stack as the root, and drives tasks, timers and descriptors while f waits.
  ///
  /// Tasks that have not ended when f returns stay, and go on in the next block_on. An exception from f comes out,
  /// and the runtime stays usable.
  /// Throws: Error nested_block_on inside this runtime, wrong_thread, shut_down (also while it runs: see
  /// UnhandledException::shutdown_runtime).
  template <class F>
  auto block_on(F&& f) -> std::invoke_result_t<F&&> {
    return detail::run_as_root(inner_, std::forward<F>(f));
  }

  /// Queues a task; it never runs inside the call, and may be queued before block_on.
  ///
  /// Throws: Error shut_down, wrong_thread; std::bad_alloc.
  template <class F>
  auto spawn_local(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    check_open();
    return detail::spawn_closure(inner_, detail::plain_request(detail::SpawnRequest::local, file, line),
                                 std::forward<F>(f));
  }
  /// Runs a closure on the blocking pool. Throws: Error shut_down, wrong_thread; std::system_error without a thread.
  template <class F>
  auto spawn_blocking(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    check_open();
    return detail::spawn_closure(inner_, detail::plain_request(detail::SpawnRequest::blocking, file, line),
                                 std::forward<F>(f));
  }

  Handle handle() const noexcept;
  /// Makes this runtime the current one of the thread until the guard goes. Works after shutdown, too.
  /// Throws: Error wrong_thread; Handle::enter() is for other threads.
  [[nodiscard]] EnterGuard enter() const;

  /// Cancels every task in spawn order and drives them until they are unwound, cancels queued blocking closures and
  /// waits for those that have started; all of it at most for `limit`.
  ///
  /// Afterwards handle(), metrics() and enter() work and everything else throws Error shut_down.
  ///
  /// Parks: a fiber of another runtime that calls it with a limit above 0.
  /// Throws: Error shut_down when it already is, nested_block_on inside this runtime's own block_on, wrong_thread,
  /// invalid_argument for a negative limit.
  template <class Rep, class Period>
  ShutdownReport shutdown_timeout(std::chrono::duration<Rep, Period> limit) {
    return shut_down(detail::to_nanos(limit));
  }
  /// shutdown_timeout(0): every task gets one resume, nothing is waited for.
  ShutdownReport shutdown_background() { return shut_down(0); }

  /// For a loop of the program's own (GLib, libuv, Qt, poll): a descriptor that is readable whenever run_ready() has work,
  /// be it a ready task, a due timer or another thread's spawn. The same for the life of the runtime; not to be closed.
  /// Throws: Error wrong_thread, shut_down.
  int poll_fd() const;
  /// From now to the next timer, zero when it is overdue; nullopt when no task waits for a time. poll_fd() is readable
  /// then, too; this is for loops that want to know beforehand. While the clock is paused: zero when run_ready() would
  /// let it jump, nullopt while the blocking pool holds it.
  /// Throws: Error wrong_thread, shut_down.
  std::optional<std::chrono::nanoseconds> next_deadline() const {
    const detail::Nanos left = time_left();
    return left >= 0 ? std::optional<std::chrono::nanoseconds>(std::chrono::nanoseconds(left)) : std::nullopt;
  }
  /// Looks at descriptors and timers once and resumes what is ready then, each task once, without blocking. Tasks that
  /// yield, or become ready meanwhile, are left for the next call. Returns the number of resumes.
  /// Throws: Error wrong_thread, shut_down, nested_block_on inside this runtime.
  std::size_t run_ready();

  /// Works after shutdown, too. Throws: Error wrong_thread; Handle::metrics() is for other threads.
  RuntimeMetrics metrics() const;

 private:
  friend class Builder;
  explicit LocalRuntime(detail::Inner* inner) noexcept : inner_(inner) {}
  detail::Inner* owned(const char* what) const;
  void check_open() const;
  ShutdownReport shut_down(detail::Nanos limit);
  detail::Nanos time_left() const;  // below zero: no timer

  detail::Inner* inner_;
};

/// LocalRuntime().block_on(f): a runtime for the length of one call.
template <class F>
auto run(F&& f) -> std::invoke_result_t<F&&> {
  return LocalRuntime().block_on(std::forward<F>(f));
}

}  // namespace v1
}  // namespace runtime
