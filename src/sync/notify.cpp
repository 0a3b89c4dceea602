#include <runtime/sync/notify.hpp>

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"
#include "sync/wait_list.hpp"

namespace runtime::inline v1::sync {
namespace {

enum class Told : unsigned char { first, last, all };

class NotifyWaiter final : public Waiter {
 public:
  using Waiter::Waiter;
  Told told = Told::all;  // how; guarded by the queue's lock until it is notified
};

}  // namespace

void Notify::notify_one() noexcept {
  base::ShortLock guard(queue_.lock);
  auto* waiter = static_cast<NotifyWaiter*>(pop_front(queue_.waiters));
  if (waiter == nullptr) {
    has_permit_ = true;
    return;
  }
  waiter->told = Told::first;
  guard.unlock();
  waiter->notify();
}

void Notify::notify_last() noexcept {
  base::ShortLock guard(queue_.lock);
  auto* waiter = static_cast<NotifyWaiter*>(pop_back(queue_.waiters));
  if (waiter == nullptr) {
    has_permit_ = true;
    return;
  }
  waiter->told = Told::last;
  guard.unlock();
  waiter->notify();
}

void Notify::notify_waiters() noexcept {
  Chain told;
  {
    const base::ShortLock guard(queue_.lock);
    told.take(queue_.waiters);
  }
  told.notify_all();
}

void Notify::notified() { static_cast<void>(wait(base::kForever)); }

bool Notify::notified_nanos(std::int64_t limit) {
  check_limit(limit, "notified_for()");
  return wait(limit);
}

bool Notify::wait(std::int64_t limit) {
  task::Task* self = begin_wait();
  NotifyWaiter waiter(self);
  {
    base::ShortLock guard(queue_.lock);
    if (has_permit_) {
      has_permit_ = false;
      guard.unlock();
      completed_at_once(self);
      return true;
    }
    push_back(queue_.waiters, waiter);
  }
  const Reason reason{task::WaitFor::notify, this};
  switch (sync::wait(queue_.lock, queue_.waiters, waiter, reason, deadline_of(limit))) {
    case Woken::notified: return true;
    case Woken::timed_out: return false;
    case Woken::cancelled: break;
    case Woken::cancelled_notified:
      if (waiter.told == Told::first) notify_one();
      if (waiter.told == Told::last) notify_last();
      break;
  }
  throw Cancelled();
}

}  // namespace runtime::inline v1::sync
