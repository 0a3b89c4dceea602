#include "preload/waiting_room.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>

#include <runtime/error.hpp>
#include <runtime/posix.h>
#include <runtime/scope.hpp>
#include <runtime/task.hpp>

#include "preload/room_lock.hpp"
#include "preload/visit.hpp"

namespace runtime::preload {

constinit std::atomic<std::uint32_t> waiting_fibers = 0;
constinit thread_local bool is_in_room = false;

namespace {

constexpr Nanos kFirstPause = 100'000;
constexpr Nanos kLongestPause = 8'000'000;
// Many fibers that wait for long look less often each: 2,000 times a second all together.
constexpr Nanos kPausePerFiber = 500'000;
// A realtime clock that was set is noticed after this.
constexpr Nanos kClockPause = 1'000'000'000;

}  // namespace

/// The table. Functions take the lock, unless the numbers of a list say that there is nothing to do.
class Room final {
 public:
  void enter(Waiter& waiter) noexcept {
    waiting_fibers.fetch_add(1, std::memory_order_relaxed);
    List& list = list_of(waiter.address_);
    lock_.lock();
    list.count.fetch_add(1, std::memory_order_relaxed);
    waiter.previous_ = list.last;
    (list.last != nullptr ? list.last->next_ : list.first) = &waiter;
    list.last = &waiter;
    lock_.unlock();
    std::atomic_thread_fence(std::memory_order_seq_cst);  // then the fiber tries again; see release_before_looking()
  }

  /// Passes an unused wake on.
  void leave(Waiter& waiter) noexcept {
    List& list = list_of(waiter.address_);
    lock_.lock();
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : list.first) = waiter.next_;
    (waiter.next_ != nullptr ? waiter.next_->previous_ : list.last) = waiter.previous_;
    list.count.fetch_sub(1, std::memory_order_relaxed);
    if (use_wake(waiter)) wake_first(list, waiter.address_);
    lock_.unlock();
    waiting_fibers.fetch_sub(1, std::memory_order_relaxed);
  }

  void wake_one(const void* address) noexcept {
    List& list = list_of(address);
    if (list.count.load(std::memory_order_relaxed) == 0) return;  // after release_before_looking()
    lock_.lock();
    wake_first(list, address);
    lock_.unlock();
  }

  void wake_all(const void* address) noexcept {
    List& list = list_of(address);
    if (list.count.load(std::memory_order_relaxed) == 0) return;  // after release_before_looking()
    lock_.lock();
    while (wake_first(list, address)) {
    }
    lock_.unlock();
  }

  /// The fiber itself. True when there was one. Before the fiber tries: who releases after that finds it unwoken.
  bool use_wake(Waiter& waiter) noexcept {
    const bool was_woken = waiter.is_woken_.exchange(false, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with release_before_looking()
    if (!was_woken) return false;
    list_of(waiter.address_).woken.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }

  bool has_woken(const void* address) noexcept {
    List& list = list_of(address);
    if (list.woken.load(std::memory_order_relaxed) == 0) return false;
    lock_.lock();
    const Waiter* waiter = list.first;
    while (waiter != nullptr && (waiter->address_ != address || !waiter->is_woken())) waiter = waiter->next_;
    lock_.unlock();
    return waiter != nullptr;
  }

  void hold() noexcept { lock_.lock(); }
  void release() noexcept { lock_.unlock(); }
  void empty() noexcept {
    for (List& list : lists_) {
      list.first = list.last = nullptr;
      list.count.store(0, std::memory_order_relaxed);
      list.woken.store(0, std::memory_order_relaxed);
    }
    waiting_fibers.store(0, std::memory_order_relaxed);
    lock_.reset();
  }

 private:
  struct List {
    Waiter* first = nullptr;
    Waiter* last = nullptr;
    std::atomic<std::uint32_t> count = 0;
    std::atomic<std::uint32_t> woken = 0;  // of them, those who have not looked since
  };

  static constexpr unsigned kBits = 8;

  List& list_of(const void* address) noexcept {
    // Multiplicative hashing by the golden ratio: objects lie at multiples of something.
    return lists_[(reinterpret_cast<std::uintptr_t>(address) * 0x9E3779B97F4A7C15u) >> (64 - kBits)];
  }

  // Under the lock: the fiber cannot leave, so it is there until it has been told.
  bool wake_first(List& list, const void* address) noexcept {
    for (Waiter* waiter = list.first; waiter != nullptr; waiter = waiter->next_) {
      if (waiter->address_ != address || waiter->is_woken()) continue;
      list.woken.fetch_add(1, std::memory_order_relaxed);
      waiter->is_woken_.store(true, std::memory_order_release);
      waiter->notify_.notify_one();
      return true;
    }
    return false;
  }

  RoomLock lock_;
  List lists_[std::size_t{1} << kBits];  // guarded by lock_, but for the numbers
};

namespace {

constinit Room room;

bool may_enter() noexcept { return !is_in_room && handlers_running == 0; }

/// What Notify says, for the C library's callers.
int park_once(sync::Notify& notify, Nanos time, Waiter::Cut cut) noexcept {
  const auto wait = [&] {
    if (time == kForever) {
      notify.notified();
    } else {
      static_cast<void>(notify.notified_for(std::chrono::nanoseconds(time)));
    }
  };
  try {
    if (cut == Waiter::Cut::by_cancellation) {
      wait();
    } else {
      shield(wait);
    }
    return 0;
  } catch (const Cancelled&) {
    return ECANCELED;
  } catch (const Error&) {
    // The runtime was built without timers for the program's own use: a sleep that wakes nobody but at its end.
    const Nanos step = std::min(time, kLongestPause);
    const timespec pause{static_cast<time_t>(step / kNanosPerSecond), static_cast<long>(step % kNanosPerSecond)};
    return runtime_nanosleep(&pause, nullptr) != 0 && cut == Waiter::Cut::by_cancellation ? ECANCELED : 0;
  }
}

}  // namespace

Waiter::Waiter(const void* address, Pauses pauses) noexcept : address_(address), pauses_(pauses) { room.enter(*this); }
Waiter::~Waiter() { room.leave(*this); }

void Waiter::use_wake() noexcept { room.use_wake(*this); }

int Waiter::park(TimeLimit& limit, Cut cut) noexcept {
  const Nanos left = limit.left();
  if (left <= 0) return ETIMEDOUT;
  Nanos time = limit.may_jump() ? std::min(left, kClockPause) : left;
  if (pauses_ == Pauses::growing) {
    const auto fibers = static_cast<Nanos>(waiting_fibers.load(std::memory_order_relaxed));
    pause_ = pause_ == 0 ? kFirstPause : std::min(pause_ * 2, std::max(kLongestPause, fibers * kPausePerFiber));
    time = std::min(time, pause_);
  }
  const int errno_before = errno;
  const int end = park_once(notify_, time, cut);
  errno = errno_before;
  return end;
}

void wake_one_slowly(const void* address) noexcept {
  if (!may_enter()) return;
  const int errno_before = errno;
  room.wake_one(address);
  errno = errno_before;
}

void wake_all_slowly(const void* address) noexcept {
  if (!may_enter()) return;
  const int errno_before = errno;
  room.wake_all(address);
  errno = errno_before;
}

void give_way_slowly(const void* address) noexcept {
  if (!may_enter() || !room.has_woken(address)) return;
  const int errno_before = errno;
  shield([] { yield_now(); });
  errno = errno_before;
}

void hold_room() noexcept { room.hold(); }
void release_room() noexcept { room.release(); }
void empty_room() noexcept { room.empty(); }

}  // namespace runtime::preload
