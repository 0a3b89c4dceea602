#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/timed_wait.hpp>
#include <runtime/detail/wait_queue.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// A lock for fibers of any runtime and plain threads alike, held by one of them at a time; it may be held across waits.
///
/// Unlocking hands it to whoever has waited longest, so nobody overtakes. One who is cancelled while the lock comes to
/// him passes it on. Meets the standard's TimedLockable: std::lock_guard, std::unique_lock and std::scoped_lock work.
/// The root of block_on and the code around that block_on are the same holder.
/// Not to be destroyed while somebody waits in it: that is reported, and ends the program.
/// Thread safety: any thread.
/// See: docs.rs/tokio, tokio::sync::Mutex.
class RUNTIME_API Mutex final {
 public:
  constexpr Mutex() noexcept = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// Parks: until the lock is free and everybody who came before has had it.
  /// Throws: Error would_deadlock when the caller holds it; Cancelled, without the lock.
  void lock();
  /// False when it is held, also by the caller, or on its way to somebody who waits. Never waits.
  bool try_lock() noexcept;
  /// Throws: Error invalid_argument when the caller does not hold it.
  void unlock();

  /// lock() with a limit; false: it came first.
  ///
  /// Throws: as lock(), and Error invalid_argument for a negative limit.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> limit) {
    return try_lock_nanos(detail::to_nanos(limit));
  }
  /// The same with a time of any clock; one that has passed gives a free lock all the same.
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& t) {
    return detail::wait_until(t, [this](std::int64_t nanos) { return try_lock_nanos(nanos); });
  }

 private:
  friend struct MutexAccess;
  bool try_lock_nanos(std::int64_t limit);

  std::atomic<std::uint64_t> word_{0};       // the holder's mark; the lowest bit: somebody may wait; 0: free
  std::atomic<std::uint64_t> holder_id_{0};  // the holder's task id, for dumps; 0: no task
  detail::WaitQueue queue_;
};

}  // namespace sync
}  // namespace v1
}  // namespace runtime
