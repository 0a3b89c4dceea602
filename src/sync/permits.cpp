#include "sync/permits.hpp"

#include <algorithm>

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"

// While nobody waits, the state is changed by compare-and-exchange alone. While somebody waits it is changed only under
// the queue's lock, and no permit is free: they all go to the first in the queue.

namespace runtime::inline v1::sync {
namespace {

constexpr std::uint64_t kAwaited = 1;
constexpr std::uint64_t kClosed = 2;
constexpr std::uint64_t kOne = 4;

class PermitWaiter final : public Waiter {
 public:
  PermitWaiter(task::Task* self, std::uint64_t needed) noexcept : Waiter(self), needed(needed) {}
  std::uint64_t needed;  // guarded by the queue's lock while listed
  bool closed = false;   // as above
};

// One who waits takes what is free and stands in the queue for the rest. Under the queue's lock.
Taking take_or_enlist(Permits& permits, PermitWaiter& waiter) noexcept {
  std::uint64_t seen = permits.state.load(std::memory_order_relaxed);
  for (;;) {
    if ((seen & kClosed) != 0) return Taking::closed;
    const std::uint64_t got = std::min(seen / kOne, waiter.needed);
    const std::uint64_t rest = seen - got * kOne;
    const bool is_all = got == waiter.needed;
    if (permits.state.compare_exchange_weak(seen, is_all ? rest : rest | kAwaited, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
      base::happens_after(&permits);
      waiter.needed -= got;
      if (is_all) return Taking::taken;
      push_back(permits.queue.waiters, waiter);
      return Taking::too_few;
    }
  }
}

}  // namespace

Taking try_take(Permits& permits, std::uint64_t n) noexcept {
  std::uint64_t seen = permits.state.load(std::memory_order_relaxed);
  do {
    if ((seen & kClosed) != 0) return Taking::closed;
    if (seen / kOne < n) return Taking::too_few;
  } while (!permits.state.compare_exchange_weak(seen, seen - n * kOne, std::memory_order_acquire,
                                                std::memory_order_relaxed));
  base::happens_after(&permits);
  return Taking::taken;
}

Took wait_for_permits(Permits& permits, std::uint64_t n, task::Task* self, const Reason& reason, base::Nanos limit) {
  PermitWaiter waiter(self, n);
  {
    base::ShortLock guard(permits.queue.lock);
    const Taking taking = take_or_enlist(permits, waiter);
    if (taking == Taking::closed) return Took::closed;
    if (taking == Taking::taken) {
      guard.unlock();
      completed_at_once(self);
      return Took::taken;
    }
  }
  const Woken woken = wait(permits.queue.lock, permits.queue.waiters, waiter, reason, deadline_of(limit));
  if (woken == Woken::notified && !waiter.closed) return Took::taken;
  // Not listed any more: `needed` is ours alone.
  if (n != waiter.needed) give(permits, n - waiter.needed);
  if (woken == Woken::notified) return Took::closed;
  if (woken == Woken::timed_out) return Took::timed_out;
  throw Cancelled();
}

// Whoever gets the last permits may destroy the object at once: after them, only the waiters in `served` are touched,
// who stay until they are notified.
void give(Permits& permits, std::uint64_t n) noexcept {
  base::happens_before(&permits);
  Chain served;
  do {
    std::uint64_t seen = permits.state.load(std::memory_order_relaxed);
    while ((seen & kAwaited) == 0) {
      if (permits.state.compare_exchange_weak(seen, seen + n * kOne, std::memory_order_release,
                                              std::memory_order_relaxed)) {
        return served.notify_all();
      }
    }
    const base::ShortLock guard(permits.queue.lock);
    while (n != 0 && permits.queue.waiters.first != nullptr) {
      auto& first = static_cast<PermitWaiter&>(*permits.queue.waiters.first);
      const std::uint64_t part = std::min(n, first.needed);
      first.needed -= part;
      n -= part;
      if (first.needed != 0) break;
      remove(permits.queue.waiters, first);
      served.add(first);
    }
    if (permits.queue.waiters.first == nullptr) permits.state.fetch_and(~kAwaited, std::memory_order_release);
  } while (n != 0);
  served.notify_all();
}

std::uint64_t take_up_to(Permits& permits, std::uint64_t n) noexcept {
  std::uint64_t seen = permits.state.load(std::memory_order_relaxed);
  std::uint64_t taken = 0;
  do {
    taken = std::min(seen / kOne, n);
  } while (!permits.state.compare_exchange_weak(seen, seen - taken * kOne, std::memory_order_acquire,
                                                std::memory_order_relaxed));
  return taken;
}

void close(Permits& permits) noexcept {
  Chain refused;
  {
    const base::ShortLock guard(permits.queue.lock);
    permits.state.fetch_or(kClosed, std::memory_order_release);
    while (permits.queue.waiters.first != nullptr) {
      auto& first = static_cast<PermitWaiter&>(*permits.queue.waiters.first);
      first.closed = true;
      remove(permits.queue.waiters, first);
      refused.add(first);
    }
    permits.state.fetch_and(~kAwaited, std::memory_order_release);
  }
  refused.notify_all();
}

}  // namespace runtime::inline v1::sync
