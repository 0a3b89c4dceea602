#include "io/turns.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/short_lock.hpp"
#include "base/system_error.hpp"
#include "base/thread_parker.hpp"
#include "io/poll_events.hpp"
#include "io/wait.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1::io {
namespace {

// How often a thread looks whether the descriptor was closed, if no eventfd is to be had to tell it.
constexpr int kLookAgainMs = 10;

}  // namespace

/// One who waits for its turn; lives in its frame. Whoever takes it out of the list tells it, after unlocking, and its
/// frame may be gone from then on.
class Turns::Waiter final {
 public:
  explicit Waiter(task::Task* task) noexcept : task_(task) {}

  /// False: cancelled; it may still be in the list.
  bool park(int fd, std::uint8_t interest) noexcept {
    if (task_ == nullptr) return parker_.park(), true;
    task::Waiting waiting(*task_, task::WaitFor::descriptor);
    waiting.detail.watched = {fd, interest};
    return task::park_until(*task_, [this] { return is_told(); }) == task::ParkEnd::done;
  }
  /// Once it is sure to be told. On a fiber only.
  void park_certain() noexcept {
    task::park_until_certain(*task_, [this] { return is_told(); });
  }
  void tell() noexcept {
    task::Task* task = task_;
    if (task == nullptr) return parker_.unpark();
    task->hold();  // as soon as told_ is seen, the frame may go, and the task too
    told_.store(true, std::memory_order_release);  // pairs with is_told()
    task::wake(*task);
    task->unhold();
  }

  Waiter* previous = nullptr;  // all four guarded by the lock of the turns
  Waiter* next = nullptr;
  bool is_listed = false;
  bool is_next = false;  // told that it has the turn, not that it is all over; constant once told

 private:
  bool is_told() const noexcept { return told_.load(std::memory_order_acquire); }

  task::Task* const task_;  // null: a thread
  std::atomic<bool> told_{false};
  base::ThreadParker parker_;
};

Turns::~Turns() {
  const int bell = bell_.load(std::memory_order_relaxed);
  if (bell >= 0) ::close(bell);
}

TurnEnd Turns::enter(int fd, std::uint8_t interest) noexcept {
  Waiter waiter(task::parkable());
  {
    const base::ShortLock guard(lock_);
    if (is_closed()) return TurnEnd::closed;
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    do {
      if (state == kFree) {
        if (state_.compare_exchange_weak(state, kTaken, std::memory_order_acquire)) return TurnEnd::mine;
      } else if (state_.compare_exchange_weak(state, state | kSlow, std::memory_order_relaxed)) {
        break;
      }
    } while (true);
    waiter.previous = last_;
    waiter.is_listed = true;
    (last_ != nullptr ? last_->next : first_) = &waiter;
    last_ = &waiter;
  }
  return wait_for_turn(waiter, fd, interest);
}

TurnEnd Turns::wait_for_turn(Waiter& waiter, int fd, std::uint8_t interest) noexcept {
  if (waiter.park(fd, interest)) {
    base::happens_after(&lock_);
    return waiter.is_next ? TurnEnd::mine : TurnEnd::closed;
  }
  {
    const base::ShortLock guard(lock_);
    if (waiter.is_listed) {
      remove(waiter);
      return TurnEnd::cancelled;
    }
  }
  waiter.park_certain();
  if (waiter.is_next) leave();  // it goes to whoever is behind us
  return TurnEnd::cancelled;
}

void Turns::remove(Waiter& waiter) noexcept {
  (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
  waiter.is_listed = false;
}

bool Turns::leave_slowly() noexcept {
  Waiter* next;
  bool has_share;
  {
    const base::ShortLock guard(lock_);
    has_share = is_closed() || (state_.load(std::memory_order_relaxed) & kShareless) == 0;
    next = first_;
    if (next != nullptr) {
      remove(*next);
      next->is_next = true;
    }
    if (first_ == nullptr && !is_closed()) {
      state_.store(next != nullptr ? kTaken : kFree, std::memory_order_release);  // pairs with enter_at_once()
    } else {
      state_.fetch_and(~std::uint32_t{kShareless}, std::memory_order_relaxed);
    }
  }
  if (next != nullptr) next->tell();
  return has_share;
}

TurnEnd Turns::wait_ready(int fd, std::uint8_t interest, std::uint64_t owner) noexcept {
  task::Task* task = task::parkable();
  if (task == nullptr) return wait_on_thread(fd, interest);
  switch (wait_owned(*task, fd, interest, owner, closed_)) {
    case WaitEnd::cancelled: return TurnEnd::cancelled;
    // A descriptor that was closed behind our back, with runtime_close(), is gone for us as well.
    case WaitEnd::closed: return TurnEnd::closed;
    // Without memory to watch with, nobody could tell us.
    default: return is_closed() ? TurnEnd::closed : TurnEnd::mine;
  }
}

TurnEnd Turns::wait_on_thread(int fd, std::uint8_t interest) noexcept {
  const base::ErrnoKeeper keeper;
  const int bell = this->bell();
  if (nudged_.exchange(false, std::memory_order_seq_cst)) return TurnEnd::mine;  // the call is tried again
  while (!is_closed()) {
    pollfd fds[] = {{fd, poll_events(interest), 0}, {bell, POLLIN, 0}};
    const int ready = ::poll(fds, 2, bell >= 0 ? -1 : kLookAgainMs);
    if (is_closed()) break;
    if (ready > 0 && fds[1].revents != 0) {  // a nudge, which is for us alone: we have the turn
      eventfd_t rings;
      static_cast<void>(::eventfd_read(bell, &rings));
      if (is_closed()) static_cast<void>(::eventfd_write(bell, 1));  // that it closed is for all who come
    }
    // Also without a bell, or without memory for poll(): then the call is tried again.
    if (ready >= 0 || errno != EINTR) return TurnEnd::mine;
  }
  return TurnEnd::closed;
}

// Negative: none to be had.
int Turns::bell() noexcept {
  int bell = bell_.load(std::memory_order_seq_cst);
  if (bell >= 0) return bell;
  const int made = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (made < 0) return made;
  // Before is_closed() is asked: pairs with close().
  if (bell_.compare_exchange_strong(bell, made, std::memory_order_seq_cst)) return made;
  ::close(made);
  return bell;
}

void Turns::nudge(int fd) noexcept {
  nudged_.store(true, std::memory_order_seq_cst);  // before bell_ is read: pairs with wait_on_thread()
  fd_changed(fd);
  const int bell = bell_.load(std::memory_order_seq_cst);
  if (bell >= 0) static_cast<void>(::eventfd_write(bell, 1));
}

bool Turns::close(int fd) noexcept {
  Waiter* waiter;
  std::uint32_t state;
  {
    const base::ShortLock guard(lock_);
    closed_.store(true, std::memory_order_seq_cst);  // before bell_ is read: pairs with bell()
    state = state_.fetch_or(kSlow, std::memory_order_acquire);  // pairs with leave()
    waiter = first_;
    for (Waiter* each = first_; each != nullptr; each = each->next) each->is_listed = false;
    first_ = last_ = nullptr;
  }
  while (waiter != nullptr) std::exchange(waiter, waiter->next)->tell();
  // A fiber that has the turn sees that it is closed before it parks, or is watching by now, or looks again on its own:
  // see wait_owned().
  if ((state & kTaken) != 0) fd_changed(fd);
  const int bell = bell_.load(std::memory_order_seq_cst);
  if (bell >= 0) static_cast<void>(::eventfd_write(bell, 1));  // there is always room
  return (state & kShareless) != 0;
}

}  // namespace runtime::inline v1::io
