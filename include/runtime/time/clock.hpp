#pragma once

#include <chrono>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

RUNTIME_API void advance_nanos(Nanos duration);

}  // namespace detail

namespace time {

/// The clock of the current runtime, for std::chrono: std::chrono::steady_clock, until somebody pauses it.
///
/// A runtime's clock is paused by Builder::start_paused() or pause(), and stands still then, exactly. As soon as nothing
/// is runnable it jumps to the next deadline instead of letting the thread sleep, but not while closures are queued or run
/// on the blocking pool. So tests of code that waits take no time. After resume() it goes on from where it stands.
///
/// Descriptors and other threads live in real time: a paused clock does not wait for them. Neither does it shorten what
/// threads without fibers sleep, nor the limit of LocalRuntime::shutdown_timeout().
/// Thread safety: any thread. On one that is in no runtime it is std::chrono::steady_clock.
class RUNTIME_API Clock final {
 public:
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
};

/// Stops the clock of the current runtime.
///
/// Throws: Error invalid_argument when it is paused already, no_runtime, wrong_thread.
/// Thread safety: owner thread.
RUNTIME_API void pause();

/// Lets the paused clock go on from where it stands.
///
/// Throws: Error invalid_argument when it is not paused, no_runtime, wrong_thread.
/// Thread safety: owner thread.
RUNTIME_API void resume();

/// Moves the paused clock by exactly d and gives way once: whoever was due, and whoever was ready before, runs before it
/// returns. Those who are due become ready in the order of their deadlines, and all of them see the new time.
///
/// Parks: the task stays ready.
/// Throws: Error invalid_argument for a negative duration and when the clock is not paused, no_runtime, wrong_thread;
/// Cancelled, before the clock is moved or after.
/// Thread safety: owner thread.
template <class Rep, class Period>
void advance(std::chrono::duration<Rep, Period> d) {
  detail::advance_nanos(detail::to_nanos(d));
}

}  // namespace time
}  // namespace v1
}  // namespace runtime
