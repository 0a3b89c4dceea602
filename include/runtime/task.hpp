#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/detail/spawn.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>
#include <runtime/task_id.hpp>

namespace runtime {
inline namespace v1 {

/// Asks one task to end. Copyable; keeps the task's memory alive, not the task.
///
/// Thread safety: any thread.
class AbortHandle final {
 public:
  /// Asks the task to end at its next suspension point. Runs no code of the task, and does nothing to one that has
  /// ended; a blocking closure that has started goes on to its end.
  void abort() const noexcept { raw_.abort(); }
  /// True once the task's result is stored and its captures are destroyed.
  bool is_finished() const noexcept { return raw_.is_finished(); }
  TaskId id() const noexcept { return raw_.id(); }

 private:
  template <class T>
  friend class JoinHandle;
  friend struct detail::HandleAccess;
  explicit AbortHandle(task::Task* task) noexcept : raw_(task) {}

  detail::RawAbortHandle raw_;
};

/// The right to one task's result. Destroying it detaches the task, which runs on.
///
/// Thread safety: may be moved to and used on any thread, by one thread at a time.
template <class T>
class JoinHandle final {
  static_assert(!std::is_rvalue_reference_v<T>, "a task may return a value, an lvalue reference or void");

 public:
  JoinHandle(JoinHandle&&) noexcept = default;
  JoinHandle& operator=(JoinHandle&&) noexcept = default;

  /// Waits until the task has ended and gives its result.
  ///
  /// On the owner thread outside block_on it drives the runtime meanwhile.
  ///
  /// Parks: until the task has ended.
  /// Throws: what left the task, the same object; JoinError if the task was cancelled; Error would_deadlock when a
  /// task joins itself, invalid_argument on a second join; Cancelled when the caller is.
  /// Thread safety: any thread.
  T join() { return static_cast<detail::ResultSlot<T>*>(raw_.take())->take(); }

  /// join() with a limit: nullopt (false for void) means that the task still runs and the handle stays valid.
  ///
  /// Throws: as join(), and Error invalid_argument for a negative limit.
  template <class D>
  auto join_for(D limit) {
    static_assert(!std::is_reference_v<T>, "join_for() gives values; use wait() and join() for a reference");
    void* slot = raw_.take_for(detail::to_nanos(limit));
    if constexpr (std::is_void_v<T>) {
      return slot != nullptr;
    } else {
      return slot != nullptr ? std::optional<T>(static_cast<detail::ResultSlot<T>*>(slot)->take()) : std::nullopt;
    }
  }

  /// Waits until the task has ended, and leaves the result for join().
  ///
  /// Throws: Error would_deadlock, invalid_argument after join(); Cancelled.
  void wait() { raw_.wait(); }

  /// True once the result is stored and the captures are destroyed; false right after abort().
  bool is_finished() const noexcept { return raw_.is_finished(); }
  /// As AbortHandle::abort().
  void abort() noexcept { raw_.abort(); }
  AbortHandle abort_handle() const { return AbortHandle(raw_.share()); }
  TaskId id() const noexcept { return raw_.id(); }

 private:
  friend struct detail::HandleAccess;
  explicit JoinHandle(detail::RawJoinHandle&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawJoinHandle raw_;
};

/// Spawns tasks with a name or a stack of their own, on the current runtime.
///
/// A builder may be used for several tasks. Thread safety: one thread at a time.
class RUNTIME_API TaskBuilder final {
 public:
  TaskBuilder();
  TaskBuilder(TaskBuilder&&) noexcept;
  TaskBuilder& operator=(TaskBuilder&&) noexcept;
  ~TaskBuilder();

  /// Shown in reports and dumps. Throws: Error invalid_argument for an empty or blank name.
  TaskBuilder& name(std::string_view name);
  /// Bytes of stack, rounded up to whole pages; at least 16 KiB. Throws: Error invalid_argument below that.
  TaskBuilder& stack_size(std::size_t bytes);

  /// As the free functions of the same names.
  template <class F>
  auto spawn_local(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return detail::spawn_closure(nullptr, request(detail::SpawnRequest::local, file, line), std::forward<F>(f));
  }
  template <class F>
  auto spawn(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return detail::spawn_closure(nullptr, request(detail::SpawnRequest::any_thread, file, line), std::forward<F>(f));
  }
  template <class F>
  auto spawn_blocking(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return detail::spawn_closure(nullptr, request(detail::SpawnRequest::blocking, file, line), std::forward<F>(f));
  }

 private:
  class RUNTIME_LOCAL Impl;
  detail::SpawnRequest request(detail::SpawnRequest::Kind kind, const char* file, unsigned line) const noexcept;

  std::unique_ptr<Impl> impl_;
};

/// Queues a task on the current runtime; it never runs inside the call.
///
/// Throws: Error no_runtime outside a runtime, wrong_thread when the current runtime is owned by another thread.
/// Thread safety: owner thread.
template <class F>
auto spawn_local(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
  return detail::spawn_closure(nullptr, detail::plain_request(detail::SpawnRequest::local, file, line),
                               std::forward<F>(f));
}

/// The same from any thread that has entered the runtime: the closure is moved to the owner thread and runs there.
///
/// Throws: Error no_runtime.
/// Thread safety: any thread.
template <class F>
auto spawn(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
  return detail::spawn_closure(nullptr, detail::plain_request(detail::SpawnRequest::any_thread, file, line),
                               std::forward<F>(f));
}

/// Gives way: every other ready task has its turn before this one goes on.
///
/// Parks: the task stays ready. On a plain thread it is std::this_thread::yield().
/// Throws: Cancelled.
RUNTIME_API void yield_now();

/// About the task that runs on this thread: a spawned task, or on a pool thread the blocking closure.
namespace this_task {

/// Throws: Error not_set in the root of block_on and outside tasks.
RUNTIME_API TaskId id();
RUNTIME_API bool has_id() noexcept;
/// As id(), nullopt where id() throws.
inline std::optional<TaskId> try_id() { return has_id() ? std::optional<TaskId>(id()) : std::nullopt; }
/// The name given to TaskBuilder; empty if there is none. Valid as long as the task runs.
RUNTIME_API std::string_view name() noexcept;
/// True once somebody has asked the running code to end: the task, or a scope around the caller, shielded or not.
RUNTIME_API bool is_cancelled() noexcept;
/// A suspension point that does not suspend. Throws: Cancelled if the task is cancelled and not unwinding.
RUNTIME_API void check_cancelled();
/// A suspension point only now and then: counts as a wait that completes at once. Every such wait costs one unit of the
/// budget that each resume begins with (Builder::coop_budget()); the one that finds nothing left gives way. For loops that
/// compute for long. Does nothing outside fibers. Throws: Cancelled.
RUNTIME_API void consume_budget();
/// Bytes of stack this task has used at its deepest, in whole pages; 0 outside a fiber that owns its stack.
///
/// The first call in a runtime may count what an earlier task left on this stack. From then on every stack is cleared
/// between two tasks, which costs system calls: a function for tests and measurements.
RUNTIME_API std::size_t stack_high_water();

}  // namespace this_task

}  // namespace v1
}  // namespace runtime
