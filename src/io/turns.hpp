#pragma once

#include <atomic>
#include <cstdint>

#include "task/task.hpp"

namespace runtime::inline v1::io {

enum class TurnEnd : std::uint8_t {
  mine,       // it is the caller's turn; after a wait: try the call again
  cancelled,
  closed,     // nobody has a turn any more
};

/// Whose turn it is to use one direction of a descriptor: first come, first served, nobody overtakes. Fibers of any
/// runtime and plain threads take turns with each other.
///
/// A turn lasts for a whole call, its waiting for readiness included: so the second reader gets what comes after what
/// the first one gets, and the bytes of two writers do not mix. Closing ends every wait, for the turn and for
/// readiness. Nobody waiting, a turn costs one atomic operation at each end.
/// Thread safety: any thread. Owns: the descriptor that tells a thread in poll(2) of the closing.
class Turns final {
 public:
  Turns() noexcept = default;
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns();

  /// Waits for a turn. `fd` and `interest` are for dumps.
  TurnEnd enter(int fd, std::uint8_t interest) noexcept {
    std::uint32_t expected = kFree;
    if (state_.compare_exchange_strong(expected, kTaken, std::memory_order_acquire)) return TurnEnd::mine;
    return enter_slowly(fd, interest);
  }
  /// Ends the turn; whoever has waited longest is next.
  void leave() noexcept {
    std::uint32_t expected = kTaken;
    if (state_.compare_exchange_strong(expected, kFree, std::memory_order_release)) return;
    leave_slowly();
  }
  /// Whoever has the turn, and has found that the descriptor is not ready, waits until it is; that may be spurious.
  /// `owner`: of the descriptor, for the driver.
  TurnEnd wait_ready(int fd, std::uint8_t interest, std::uint64_t owner = 0) noexcept;

  /// Whoever waits for readiness tries again: something was done that readiness does not tell of.
  void nudge(int fd) noexcept;
  void close() noexcept;
  bool is_closed() const noexcept { return closed_.load(std::memory_order_seq_cst); }

 private:
  class Waiter;
  enum State : std::uint32_t { kFree = 0, kTaken = 1, kSlow = 2 };  // kSlow: somebody waits, or it is closed

  TurnEnd enter_slowly(int fd, std::uint8_t interest) noexcept;
  TurnEnd wait_for_turn(Waiter& waiter, int fd, std::uint8_t interest) noexcept;
  void leave_slowly() noexcept;
  void remove(Waiter& waiter) noexcept;
  TurnEnd wait_on_fiber(task::Task& task, int fd, std::uint8_t interest, std::uint64_t owner) noexcept;
  TurnEnd wait_on_thread(int fd, std::uint8_t interest) noexcept;
  int bell() noexcept;

  std::atomic<std::uint32_t> state_{kFree};
  std::atomic<std::uint32_t> lock_{0};  // see base/short_lock.hpp
  std::atomic<bool> closed_{false};     // set under lock_
  std::atomic<int> bell_{-1};           // an eventfd, made by the first thread that waits; readable once closed
  std::atomic<bool> nudged_{false};     // since a thread has looked
  Waiter* first_ = nullptr;             // guarded by lock_
  Waiter* last_ = nullptr;              // guarded by lock_
  task::Task* parked_ = nullptr;        // whoever has the turn and waits for readiness; guarded by lock_
};

}  // namespace runtime::inline v1::io
