#pragma once

#include <atomic>
#include <cstdint>

#include "base/only_thread.hpp"
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
/// readiness. Nobody waiting, a turn costs one atomic operation at each end, and none while there is one thread.
///
/// What keeps the turns, and the descriptor, alive meanwhile is the caller's business; but a turn that was free when it was
/// asked for needs nothing: as long as it is not closed, whoever may close it keeps them, and he learns from close()
/// that there is one who needs them longer.
/// Thread safety: any thread. Owns: the descriptor that tells a thread in poll(2) of the closing.
class Turns final {
 public:
  Turns() noexcept = default;
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns();

  /// A turn without a share, if it is free and not closed; else enter() is for the caller.
  bool enter_at_once() noexcept {
    return base::replace<std::uint32_t>(state_, kFree, kTaken | kShareless, std::memory_order_acquire);
  }
  /// Waits for a turn; the caller has a share of his own. `fd` and `interest` are for dumps.
  TurnEnd enter(int fd, std::uint8_t interest) noexcept;
  /// Ends the turn; whoever has waited longest is next. True: the caller has a share, his own or one that was left to him
  /// by close(). Without one, nothing here may be touched any more.
  bool leave() noexcept {
    if (base::replace<std::uint32_t>(state_, kTaken | kShareless, kFree, std::memory_order_release)) return false;
    return leave_slowly();
  }
  /// Whoever has the turn, and has found that the descriptor is not ready, waits until it is; that may be spurious.
  /// `owner`: of the descriptor, for the driver.
  TurnEnd wait_ready(int fd, std::uint8_t interest, std::uint64_t owner = 0) noexcept;

  /// Whoever waits for readiness tries again: something was done that readiness does not tell of.
  void nudge(int fd) noexcept;
  /// Ends all waits, those of the others who use this descriptor and another direction only spuriously. `fd`: the
  /// descriptor that whoever has the turn may wait for. True: he has no share, and gets one from the caller. Once only.
  [[nodiscard]] bool close(int fd) noexcept;
  bool is_closed() const noexcept { return closed_.load(std::memory_order_seq_cst); }

 private:
  class Waiter;
  // kSlow: somebody waits, or it is closed. kShareless: whoever has the turn has no share, unless it is closed.
  enum State : std::uint32_t { kFree = 0, kTaken = 1, kSlow = 2, kShareless = 4 };

  TurnEnd wait_for_turn(Waiter& waiter, int fd, std::uint8_t interest) noexcept;
  bool leave_slowly() noexcept;
  void remove(Waiter& waiter) noexcept;
  TurnEnd wait_on_thread(int fd, std::uint8_t interest) noexcept;
  int bell() noexcept;

  std::atomic<std::uint32_t> state_{kFree};
  std::atomic<std::uint32_t> lock_{0};  // see base/short_lock.hpp
  std::atomic<bool> closed_{false};     // set under lock_
  std::atomic<int> bell_{-1};           // an eventfd, made by the first thread that waits; readable once closed
  std::atomic<bool> nudged_{false};     // since a thread has looked
  Waiter* first_ = nullptr;             // guarded by lock_
  Waiter* last_ = nullptr;              // guarded by lock_
};

}  // namespace runtime::inline v1::io
