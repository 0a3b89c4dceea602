#include <runtime/sync/barrier.hpp>

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"
#include "sync/wait_list.hpp"

namespace runtime::inline v1::sync {

BarrierWaitResult Barrier::wait() {
  task::Task* self = begin_wait();
  Waiter waiter(self);
  {
    base::ShortLock guard(queue_.lock);
    if (waiting_ + 1 >= n_) {
      Chain released;
      released.take(queue_.waiters);
      waiting_ = 0;
      guard.unlock();
      released.notify_all();
      completed_at_once(self);
      return BarrierWaitResult(true);
    }
    ++waiting_;
    push_back(queue_.waiters, waiter);
  }
  const Reason reason{task::WaitFor::barrier, this};
  const Woken woken = sync::wait(queue_.lock, queue_.waiters, waiter, reason, base::kForever, [this] { --waiting_; });
  if (woken != Woken::notified) throw Cancelled();
  return BarrierWaitResult(false);
}

}  // namespace runtime::inline v1::sync
