#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <runtime/detail/duration.hpp>
#include <runtime/export.hpp>
#include <runtime/local_runtime.hpp>

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
  /// Bytes of stacks kept for the next task with their pages; what is returned above that gives its pages back to the
  /// kernel. Default 1 GiB; above 0.
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
  Builder& thread_keep_alive_nanos(detail::Nanos d);

  std::unique_ptr<Impl> impl_;
};

}  // namespace v1
}  // namespace runtime
