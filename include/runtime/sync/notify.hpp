#pragma once

#include <chrono>
#include <cstdint>

#include <runtime/detail/duration.hpp>
#include <runtime/detail/wait_queue.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// Tells one waiter, or all, that something has happened; carries no value. For fibers and plain threads alike.
///
/// When nobody waits, notify_one() and notify_last() leave one permit, and never more than one, which the next notified()
/// takes; notify_waiters() leaves none. One who is cancelled while he is told passes it on, if it was to him alone.
/// Not to be destroyed while somebody waits in it: that is reported, and ends the program.
/// Thread safety: any thread. See: docs.rs/tokio, tokio::sync::Notify.
class RUNTIME_API Notify final {
 public:
  constexpr Notify() noexcept = default;
  Notify(const Notify&) = delete;
  Notify& operator=(const Notify&) = delete;

  /// Tells whoever has waited longest.
  void notify_one() noexcept;
  /// Tells whoever came last.
  void notify_last() noexcept;
  /// Tells everybody who waits now.
  void notify_waiters() noexcept;

  /// Parks: until it is told, or takes the permit at once. Throws: Cancelled.
  void notified();
  /// The same with a limit; false: it came first. Throws: Error invalid_argument for a negative limit; Cancelled.
  template <class Rep, class Period>
  bool notified_for(std::chrono::duration<Rep, Period> limit) {
    return notified_nanos(detail::to_nanos(limit));
  }

 private:
  bool wait(std::int64_t limit);
  bool notified_nanos(std::int64_t limit);

  detail::WaitQueue queue_;
  bool has_permit_ = false;  // guarded by queue_.lock; then nobody waits
};

}  // namespace sync
}  // namespace v1
}  // namespace runtime
