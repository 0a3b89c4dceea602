#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// While it lives, the calling code has a deadline. Thread safety: owner thread.
class RUNTIME_API Deadline final {
 public:
  /// Throws: Error no_runtime, time_disabled, invalid_argument for a negative limit.
  explicit Deadline(Nanos limit);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline();

  /// In a handler of Cancelled: rethrows it, or throws Elapsed if it was thrown for this deadline.
  [[noreturn]] void translate();

 private:
  class RUNTIME_LOCAL Impl;
  RUNTIME_LOCAL Impl& impl() noexcept;

  alignas(8) unsigned char storage_[192];
};

/// From now to a moment of any clock: what has passed is zero.
template <class Clock, class Duration>
Nanos nanos_until(std::chrono::time_point<Clock, Duration> t) {
  const auto now = Clock::now();
  return now < t ? to_nanos(t - now) : 0;
}

}  // namespace detail

/// Calls f on this fiber and gives what it gives, unless the time is over before: then the wait that f is in, or comes to
/// next, ends as cancelled, f's frames are unwound, and Elapsed is thrown.
///
/// A function that is done is done, however late: its value or exception counts. Of two deadlines that are due together
/// the outer one wins. `d` counts from the call; zero lets f run up to its first wait that does not complete at once.
///
/// Parks: as f does.
/// Throws: Elapsed; what f throws; Error no_runtime outside a runtime, invalid_argument for a negative duration.
/// Cancellation: of the task unwinds f and goes on. A noexcept function between a wait of f and this call ends the
/// program, as any exception there does; POSIX-style calls return ECANCELED instead.
template <class Rep, class Period, class F>
auto timeout(std::chrono::duration<Rep, Period> d, F&& f) -> std::invoke_result_t<F&&> {
  detail::Deadline deadline(detail::to_nanos(d));
  try {
    return std::invoke(std::forward<F>(f));
  } catch (const Cancelled&) {
    deadline.translate();
  }
}

/// The same up to a moment, of any clock with a now(); one that is set afterwards does not move the deadline.
template <class Clock, class Duration, class F>
auto timeout_at(std::chrono::time_point<Clock, Duration> t, F&& f) -> std::invoke_result_t<F&&> {
  detail::Deadline deadline(detail::nanos_until(t));
  try {
    return std::invoke(std::forward<F>(f));
  } catch (const Cancelled&) {
    deadline.translate();
  }
}

}  // namespace v1
}  // namespace runtime
