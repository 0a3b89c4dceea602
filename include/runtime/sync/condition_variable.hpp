#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/timed_wait.hpp>
#include <runtime/detail/wait_queue.hpp>
#include <runtime/export.hpp>
#include <runtime/sync/mutex.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// Waits, with a Mutex given back meanwhile, until somebody says that what it guards has changed.
///
/// As std::condition_variable, for fibers of any runtime and plain threads. Every wait ends with the mutex locked, also
/// one that throws Cancelled; that one passes a notify_one() on which was his.
/// Not to be destroyed while somebody waits in it: that is reported, and ends the program.
/// Thread safety: any thread.
class RUNTIME_API ConditionVariable final {
 public:
  constexpr ConditionVariable() noexcept = default;
  ConditionVariable(const ConditionVariable&) = delete;
  ConditionVariable& operator=(const ConditionVariable&) = delete;

  /// Parks: until it is notified, and then until it has the mutex again.
  /// Throws: Error invalid_argument when the caller does not hold the lock; Cancelled.
  void wait(std::unique_lock<Mutex>& lock) { static_cast<void>(wait_until_deadline(held(lock), kForever)); }
  template <class Predicate>
  void wait(std::unique_lock<Mutex>& lock, Predicate is_true) {
    while (!is_true()) wait(lock);
  }

  /// The same with a limit. Throws: as wait(), and Error invalid_argument for a negative limit.
  template <class Rep, class Period>
  std::cv_status wait_for(std::unique_lock<Mutex>& lock, std::chrono::duration<Rep, Period> limit) {
    return status(wait_until_deadline(held(lock), deadline_after(detail::to_nanos(limit))));
  }
  /// True as soon as the predicate is; after the limit, what it says then.
  template <class Rep, class Period, class Predicate>
  bool wait_for(std::unique_lock<Mutex>& lock, std::chrono::duration<Rep, Period> limit, Predicate is_true) {
    const std::int64_t deadline = deadline_after(detail::to_nanos(limit));
    while (!is_true()) {
      if (!wait_until_deadline(held(lock), deadline)) return is_true();
    }
    return true;
  }
  /// The same with a time of any clock.
  template <class Clock, class Duration>
  std::cv_status wait_until(std::unique_lock<Mutex>& lock, const std::chrono::time_point<Clock, Duration>& t) {
    Mutex* mutex = held(lock);
    return status(detail::wait_until(
        t, [this, mutex](std::int64_t nanos) { return wait_until_deadline(mutex, deadline_after(nanos)); }));
  }
  template <class Clock, class Duration, class Predicate>
  bool wait_until(std::unique_lock<Mutex>& lock, const std::chrono::time_point<Clock, Duration>& t, Predicate is_true) {
    while (!is_true()) {
      if (wait_until(lock, t) == std::cv_status::timeout) return is_true();
    }
    return true;
  }

  /// Wakes whoever has waited longest; nothing is kept when nobody waits.
  void notify_one() noexcept;
  /// Wakes everybody who waits now.
  void notify_all() noexcept;

 private:
  static constexpr std::int64_t kForever = INT64_MAX;

  static Mutex* held(std::unique_lock<Mutex>& lock) { return lock.owns_lock() ? lock.mutex() : nullptr; }
  static std::cv_status status(bool notified) {
    return notified ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  static std::int64_t deadline_after(std::int64_t limit);
  bool wait_until_deadline(Mutex* mutex, std::int64_t deadline);

  detail::WaitQueue queue_;
};

}  // namespace sync
}  // namespace v1
}  // namespace runtime
