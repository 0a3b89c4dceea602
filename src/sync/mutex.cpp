#include <runtime/sync/mutex.hpp>

#include <runtime/error.hpp>

#include "base/only_thread.hpp"
#include "base/sanitizer.hpp"
#include "base/short_lock.hpp"
#include "sync/begin_wait.hpp"
#include "sync/mutex_access.hpp"
#include "sync/wait_list.hpp"

// The word says who has the lock. Without its lowest bit it is changed by base::replace() alone. Whoever wants to wait sets
// the bit, if it is not set, under the queue's lock; from then on the word is changed by the holder, under that lock. The
// bit stays when the lock is handed over, though nobody else may wait: so the next one to wait finds it set. A holder who
// finds nobody to hand over to clears it.
//
// A locked instruction that fails costs as much as one that succeeds, so a load comes first: see base::replace().

namespace runtime::inline v1::sync {
namespace {

constexpr std::uint64_t kAwaited = 1;

class MutexWaiter final : public Waiter {
 public:
  MutexWaiter(task::Task* self, const Holder& holder) noexcept : Waiter(self), holder(holder) {}
  const Holder holder;
};

}  // namespace

bool MutexAccess::lock(Mutex& mutex, task::WaitFor what, base::Nanos limit) {
  task::Task* self = begin_wait();
  const Holder holder = Holder::self();
  if (RUNTIME_UNLIKELY(!try_lock(mutex, holder))) return wait(mutex, self, holder, what, limit);
  completed_at_once(self);
  return true;
}

bool MutexAccess::wait(Mutex& mutex, task::Task* self, const Holder& holder, task::WaitFor what, base::Nanos limit) {
  MutexWaiter waiter(self, holder);
  bool is_own = false;
  {
    base::ShortLock guard(mutex.queue_.lock);
    for (std::uint64_t seen = mutex.word_.load(std::memory_order_relaxed);;) {
      if (seen == 0) {
        if (!mutex.word_.compare_exchange_weak(seen, holder.mark, std::memory_order_acquire, std::memory_order_relaxed)) {
          continue;
        }
        mutex.holder_id_.store(holder.task_id, std::memory_order_relaxed);
        base::happens_after(&mutex);
        guard.unlock();
        completed_at_once(self);
        return true;
      }
      is_own = (seen & ~kAwaited) == holder.mark;
      if (is_own) break;
      if ((seen & kAwaited) != 0 ||
          mutex.word_.compare_exchange_weak(seen, seen | kAwaited, std::memory_order_relaxed)) {
        push_back(mutex.queue_.waiters, waiter);
        break;
      }
    }
  }
  if (is_own) throw_would_deadlock("lock() by the one who holds the mutex: it would wait for itself; unlock it first");
  const Reason reason{what, &mutex, &mutex.holder_id_};
  switch (sync::wait(mutex.queue_.lock, mutex.queue_.waiters, waiter, reason, deadline_of(limit))) {
    case Woken::notified: return true;
    case Woken::timed_out: return false;
    case Woken::cancelled: break;
    case Woken::cancelled_notified: hand_over(mutex, holder.mark); break;
  }
  throw Cancelled();
}

// Gives the lock to the next in the queue, or to nobody. The next holder may destroy the mutex at once, so it is not
// touched after him, nor after the exchange.
void MutexAccess::hand_over(Mutex& mutex, std::uint64_t mark) noexcept {
  do {
    MutexWaiter* next;
    {
      const base::ShortLock guard(mutex.queue_.lock);
      next = static_cast<MutexWaiter*>(pop_front(mutex.queue_.waiters));
      mutex.holder_id_.store(next != nullptr ? next->holder.task_id : 0, std::memory_order_relaxed);
      // To nobody: nobody has come since we got it, or all have left. It is ours without the bit, until somebody comes.
      mutex.word_.store(next != nullptr ? next->holder.mark | kAwaited : mark, std::memory_order_relaxed);
    }
    if (next != nullptr) return next->notify();
  } while (!base::replace(mutex.word_, mark, kFree, std::memory_order_release));
}

bool MutexAccess::is_held_by(const Mutex& mutex, const Holder& holder) noexcept {
  return (mutex.word_.load(std::memory_order_relaxed) & ~kAwaited) == holder.mark;
}

void Mutex::lock() { static_cast<void>(MutexAccess::lock(*this, task::WaitFor::mutex, base::kForever)); }

bool Mutex::try_lock() noexcept { return MutexAccess::try_lock(*this, Holder::self()); }

bool Mutex::try_lock_nanos(std::int64_t limit) {
  check_limit(limit, "try_lock_for()");
  return MutexAccess::lock(*this, task::WaitFor::mutex, limit);
}

void Mutex::unlock() {
  const Holder caller = Holder::self();
  if (RUNTIME_UNLIKELY(!MutexAccess::is_held_by(*this, caller))) {
    throw_misuse("unlock() of a mutex by one who does not hold it: whoever locked it has to unlock it");
  }
  MutexAccess::unlock(*this, caller);
}

}  // namespace runtime::inline v1::sync
