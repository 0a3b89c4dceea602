#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/timed_wait.hpp>
#include <runtime/export.hpp>
#include <runtime/sync/semaphore.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// A lock that many may share to read, or one may have to write; for fibers of any runtime and plain threads alike.
///
/// First come, first served, so a reader that comes after a waiting writer waits behind him. Meets the standard's
/// SharedTimedMutex: std::unique_lock and std::shared_lock work. Who has it shared is not written down: one who then asks
/// for it alone, or again behind a writer, waits for himself.
/// Not to be destroyed while somebody waits in it: that is reported, and ends the program.
/// Thread safety: any thread. See: docs.rs/tokio, tokio::sync::RwLock.
class RUNTIME_API RwLock final {
 public:
  constexpr RwLock() noexcept : permits_(kReaders) {}
  RwLock(const RwLock&) = delete;
  RwLock& operator=(const RwLock&) = delete;

  /// To write. Parks: until nobody has it and everybody who came before has had it.
  /// Throws: Error would_deadlock when the caller has it to write; Cancelled, without the lock.
  void lock();
  /// False when somebody has it, or waits for it. Never waits.
  bool try_lock() noexcept;
  /// Throws: Error invalid_argument when the caller does not have it to write.
  void unlock();
  /// lock() with a limit; false: it came first. Throws: as lock(), and Error invalid_argument for a negative limit.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> limit) {
    return try_lock_nanos(detail::to_nanos(limit));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& t) {
    return detail::wait_until(t, [this](std::int64_t nanos) { return try_lock_nanos(nanos); });
  }

  /// To read. Parks: until nobody has it to write and every writer who came before has had it.
  /// Throws: Error would_deadlock when the caller has it to write; Cancelled, without the lock.
  void lock_shared();
  /// False when a writer has it, or waits for it. Never waits.
  bool try_lock_shared() noexcept;
  /// Throws: Error invalid_argument when nobody has it to read.
  void unlock_shared();
  /// As try_lock_for() and try_lock_until(), to read.
  template <class Rep, class Period>
  bool try_lock_shared_for(std::chrono::duration<Rep, Period> limit) {
    return try_lock_shared_nanos(detail::to_nanos(limit));
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration>& t) {
    return detail::wait_until(t, [this](std::int64_t nanos) { return try_lock_shared_nanos(nanos); });
  }

 private:
  static constexpr std::uint64_t kReaders = (std::uint64_t{1} << 29) - 1;  // at most so many at once

  bool lock_nanos(std::int64_t limit);
  bool lock_shared_nanos(std::int64_t limit);
  bool try_lock_nanos(std::int64_t limit);
  bool try_lock_shared_nanos(std::int64_t limit);
  void mark_as_writer() noexcept;

  detail::Permits permits_;                  // a reader has one, a writer all
  std::atomic<std::uint64_t> writer_{0};     // the writer's mark, written by the writer; 0: none
  std::atomic<std::uint64_t> writer_id_{0};  // the writer's task id, for dumps; 0: no task
};

}  // namespace sync
}  // namespace v1
}  // namespace runtime
