#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/hook.hpp>
#include <runtime/export.hpp>
#include <runtime/histogram_config.hpp>
#include <runtime/local_runtime.hpp>
#include <runtime/task_meta.hpp>
#include <runtime/unhandled_exception.hpp>

namespace runtime {
inline namespace v1 {

/// The options of a LocalRuntime. Every setter throws Error invalid_argument for a value that makes no sense.
///
/// Thread safety: one thread at a time; the thread that calls build_local() owns the runtime.
class RUNTIME_API Builder final {
 public:
  Builder();
  Builder(const Builder& other);
  Builder(Builder&&) noexcept;
  Builder& operator=(const Builder& other);
  Builder& operator=(Builder&&) noexcept;
  ~Builder();

  /// Shown in reports; not blank.
  Builder& name(std::string_view name);
  /// The name of pool threads, "runtime-pool" by default; the kernel keeps its first 15 bytes. Not blank.
  Builder& thread_name(std::string_view name);
  /// Bytes of stack of each pool thread; at least 16 KiB. Default: the system's, usually 8 MiB.
  Builder& thread_stack_size(std::size_t bytes);
  /// How long an idle pool thread stays. Default 10 s; above 0.
  template <class Rep, class Period>
  Builder& thread_keep_alive(std::chrono::duration<Rep, Period> d) {
    return thread_keep_alive_nanos(detail::to_nanos(d));
  }
  /// Pool threads at most. Default 512; above 0.
  Builder& max_blocking_threads(std::size_t n);

  /// Bytes of stack of each task, all of it usable, rounded up to whole pages. Default 256 KiB; at least 16 KiB.
  Builder& stack_size(std::size_t bytes);
  /// Bytes of guard below each stack, beside stack_size, rounded up to whole pages. Default 64 KiB: more than the
  /// frame of most functions, so that an overflow cannot step over it. Above 0.
  Builder& stack_guard_size(std::size_t bytes);
  /// Bytes of stacks, each counted whole, that are kept for the next task with their pages; what is returned above that
  /// gives its pages back to the kernel. Default 4 GiB, of which only pages that were used take memory; above 0.
  Builder& stack_pool_limit(std::size_t bytes);

  /// Resumes of tasks between two looks at descriptors and timers. Default 61; above 0.
  Builder& event_interval(std::uint32_t n);
  /// Every n-th resume takes a task from other threads first. Default 31; above 0.
  Builder& global_queue_interval(std::uint32_t n);

  /// Waits of a task that may complete at once in one resume, before the next one gives way. Default 128; above 0.
  /// See: this_task::consume_budget().
  Builder& coop_budget(std::uint32_t n);
  /// Seeds the order in which select() starts its branches, to have a run again. Default: different each time.
  Builder& rng_seed(std::uint64_t seed);

  /// The name of each pool thread, asked for once, on that thread. Of this and thread_name() the later call counts.
  Builder& thread_name_fn(std::function<std::string()> fn) {
    return set_hook(detail::HookPlace::thread_name, Hooks::make(std::move(fn), &Hooks::call_of_name));
  }

  // Hooks: functions that the runtime calls. A second call of a setter replaces what the first has set. Runtimes built
  // from copies of one builder share its hooks. What leaves a hook as an exception is an unhandled exception, and
  // whatever the hook was called for goes on. Hooks must not wait: there is no task that could park, so the thread would.

  /// First and last on each pool thread, inside the runtime's context. Several threads may call it at once.
  Builder& on_thread_start(std::function<void()> fn) {
    return set_hook(detail::HookPlace::thread_start, Hooks::make(std::move(fn), &Hooks::call_of_thread));
  }
  Builder& on_thread_stop(std::function<void()> fn) {
    return set_hook(detail::HookPlace::thread_stop, Hooks::make(std::move(fn), &Hooks::call_of_thread));
  }
  /// On the owner thread, before it goes to sleep and after it has woken. The first may spawn tasks and wake them: then
  /// the thread does not sleep.
  Builder& on_thread_park(std::function<void()> fn) {
    return set_hook(detail::HookPlace::thread_park, Hooks::make(std::move(fn), &Hooks::call_of_thread));
  }
  Builder& on_thread_unpark(std::function<void()> fn) {
    return set_hook(detail::HookPlace::thread_unpark, Hooks::make(std::move(fn), &Hooks::call_of_thread));
  }
  /// Inside each call that spawns a task, on the thread and the stack of the caller, before the task can run. Not for
  /// blocking closures.
  Builder& on_task_spawn(std::function<void(const TaskMeta&)> fn) {
    return set_hook(detail::HookPlace::task_spawn, Hooks::make(std::move(fn), &Hooks::call_of_task));
  }
  /// Around each resume of a task, on the stack that called block_on. Not for the root of block_on, nor for blocking
  /// closures. With either of them, with on_task_terminate or with a histogram, every switch makes a detour over that
  /// stack; without any, nothing is different.
  Builder& on_before_task_poll(std::function<void(const TaskMeta&)> fn) {
    return set_hook(detail::HookPlace::before_task_poll, Hooks::make(std::move(fn), &Hooks::call_of_task));
  }
  Builder& on_after_task_poll(std::function<void(const TaskMeta&)> fn) {
    return set_hook(detail::HookPlace::after_task_poll, Hooks::make(std::move(fn), &Hooks::call_of_task));
  }
  /// Once for each task, when its captures are destroyed, before its join can return and before the last
  /// on_after_task_poll; on the stack that called block_on. For a blocking closure on the pool thread, or, if it never
  /// ran, wherever it is cancelled.
  Builder& on_task_terminate(std::function<void(const TaskMeta&)> fn) {
    return set_hook(detail::HookPlace::task_terminate, Hooks::make(std::move(fn), &Hooks::call_of_task));
  }

  /// Reports on stderr when one task holds the thread for longer, at least a millisecond, while no other task gets its
  /// turn: the task, its name, where it was spawned and the call stack at that moment. Told once for each such stall, and
  /// once a second at most. Default: nobody watches.
  ///
  /// A thread of the runtime's own watches, so tasks cost as much as without. To read the stack it interrupts the thread
  /// with SIGURG; a handler that the program has set up for it before goes on working. A system call that is not begun again after a signal
  /// (poll(), nanosleep(), see signal(7)) ends with EINTR then. Stacks of functions without unwind tables end early.
  template <class Rep, class Period>
  Builder& stall_threshold(std::chrono::duration<Rep, Period> d) {
    return stall_threshold_nanos(detail::to_nanos(d));
  }

  /// What to do about an exception that nobody can receive. Default report.
  Builder& unhandled_exception(UnhandledException policy);

  /// Keeps a histogram of how long each resume of a task lasts. It costs two looks at the clock for each.
  Builder& metrics_poll_time_histogram(const HistogramConfig& config);
  /// Keeps a histogram of how long tasks are ready before they are resumed, and tells it to hooks:
  /// TaskMeta::schedule_latency(). It costs two looks at the clock for each resume.
  Builder& metrics_schedule_latency_histogram(const HistogramConfig& config);

  /// The runtime's clock stands still from the start, as after time::pause(). Default false.
  Builder& start_paused(bool paused);
  /// False: on a fiber of this runtime sleep_for(), sleep_until(), intervals and every other C++ call with a time limit
  /// throw Error time_disabled. POSIX-style calls, which have no such error, wait as ever. Default true.
  Builder& enable_time(bool enabled = true);
  /// False: on a fiber of this runtime every C++ call that waits for a descriptor throws Error io_disabled. POSIX-style
  /// calls, which have no such error, wait as ever. Default true.
  Builder& enable_io(bool enabled = true);

  /// The runtime, owned by this thread.
  /// Throws: std::system_error naming the call the kernel refused; std::bad_alloc.
  LocalRuntime build_local();

 private:
  class RUNTIME_LOCAL Impl;
  using Hooks = detail::HookAccess;
  Builder& set_hook(detail::HookPlace place, detail::RawHook hook);  // the hook is the library's, also if it throws
  Builder& thread_keep_alive_nanos(detail::Nanos d);
  Builder& stall_threshold_nanos(detail::Nanos d);

  std::unique_ptr<Impl> impl_;
};

}  // namespace v1
}  // namespace runtime
