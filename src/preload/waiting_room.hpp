#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>

#include <runtime/sync/notify.hpp>

#include "preload/time_limit.hpp"

// Where fibers wait for what the C library's objects are: one table for the process, by the object's address. The objects
// themselves are the C library's, and have no room for waiters that are no threads.
//
// Who releases something asks for one number, that of all fibers that wait; as long as it is zero nothing else happens.
// A fiber enters first and tries again then, so one of the two sees the other.

namespace runtime::preload {

/// Fibers in the room.
extern constinit std::atomic<std::uint32_t> waiting_fibers;

/// Wakes the fiber that has waited longest for `address`, of those that are not woken already, or all of them. What lies
/// at the address is not touched: it may be gone. Does nothing in a signal handler, which may have interrupted who holds
/// the room's lock; fibers look again by themselves. Keep errno. Any thread.
void wake_one_slowly(const void* address) noexcept;
void wake_all_slowly(const void* address) noexcept;

/// What was done before cannot be seen later than the number that is read after. Releasing is an atomic exchange or
/// subtraction in the C library, which is a full barrier on x86.
inline void release_before_looking() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

inline void wake_one(const void* address) noexcept {
  release_before_looking();
  if (__builtin_expect(waiting_fibers.load(std::memory_order_relaxed) != 0, 0)) wake_one_slowly(address);
}

inline void wake_all(const void* address) noexcept {
  release_before_looking();
  if (__builtin_expect(waiting_fibers.load(std::memory_order_relaxed) != 0, 0)) wake_all_slowly(address);
}

/// Lets a fiber of this thread that has been woken for `address`, and has not run yet, go first: whoever releases and takes
/// again at once, without a park in between, would keep it out for ever. For fibers about to take, in a call of ours.
void give_way_slowly(const void* address) noexcept;

inline void give_way(const void* address) noexcept {
  if (__builtin_expect(waiting_fibers.load(std::memory_order_relaxed) != 0, 0)) give_way_slowly(address);
}

/// fork(): before it nobody else may be in the middle of the table; in the child nobody waits.
void hold_room() noexcept;
void release_room() noexcept;
void empty_room() noexcept;

/// A fiber in the room, from construction to destruction.
///
/// Owns: nothing. Lies on the fiber's stack, linked with the others of its list. Thread safety: the fiber's own, but for
/// what says that the room's lock guards it.
class Waiter final {
 public:
  /// Whether it looks again after pauses that grow, for what is released behind our back: by code that does not find our
  /// names, in signal handlers, in other processes.
  enum class Pauses : unsigned char { none, growing };
  /// Whether cancellation ends the wait.
  enum class Cut : unsigned char { never, by_cancellation };

  explicit Waiter(const void* address, Pauses pauses = Pauses::growing) noexcept;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  /// Passes on a wake that came and was not used.
  ~Waiter();

  /// Parks until it is woken, or a pause is over (0); ETIMEDOUT; ECANCELED. Keeps errno.
  int park(TimeLimit& limit, Cut cut = Cut::never) noexcept;

  bool is_woken() const noexcept { return is_woken_.load(std::memory_order_acquire); }
  /// The wake has led to a look, or has been what was waited for.
  void use_wake() noexcept;

 private:
  friend class Room;

  const void* const address_;
  Waiter* next_ = nullptr;              // guarded by the room's lock
  Waiter* previous_ = nullptr;          // guarded by the room's lock
  std::atomic<bool> is_woken_ = false;  // set under the room's lock
  const Pauses pauses_;
  Nanos pause_ = 0;
  sync::Notify notify_;
};

/// Parks until attempt() answers something else than EBUSY, which is the result; ETIMEDOUT and ECANCELED are the limit's
/// and cancellation's.
template <class Attempt>
int wait_until(const void* address, TimeLimit& limit, Attempt attempt, Waiter::Cut cut = Waiter::Cut::never) noexcept {
  Waiter waiter(address);
  for (;;) {
    waiter.use_wake();
    if (const int result = attempt(); result != EBUSY) return result;
    if (const int end = waiter.park(limit, cut); end != 0) return end;
  }
}

}  // namespace runtime::preload
