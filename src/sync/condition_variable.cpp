#include <runtime/sync/condition_variable.hpp>

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"
#include "sync/mutex_access.hpp"
#include "sync/wait_list.hpp"

namespace runtime::inline v1::sync {
namespace {

class ConditionWaiter final : public Waiter {
 public:
  using Waiter::Waiter;
  bool is_alone = false;  // notified by notify_one(); guarded by the queue's lock until then
};

}  // namespace

std::int64_t ConditionVariable::deadline_after(std::int64_t limit) {
  check_limit(limit, "ConditionVariable::wait_for()");
  return deadline_of(limit);
}

bool ConditionVariable::wait_until_deadline(Mutex* mutex, std::int64_t deadline) {
  const Holder caller = Holder::self();
  if (mutex == nullptr || !MutexAccess::is_held_by(*mutex, caller)) {
    throw_misuse("ConditionVariable::wait() takes a std::unique_lock that the caller has locked");
  }
  ConditionWaiter waiter(begin_wait());
  {
    const base::ShortLock guard(queue_.lock);
    push_back(queue_.waiters, waiter);
  }
  MutexAccess::unlock(*mutex, caller);
  const Reason reason{task::WaitFor::condition_variable, this};
  const Woken woken = sync::wait(queue_.lock, queue_.waiters, waiter, reason, deadline);
  if (woken == Woken::cancelled_notified && waiter.is_alone) notify_one();
  // Whatever happened, the caller finds his lock as he left it.
  if (!MutexAccess::try_lock(*mutex, caller)) {
    const task::Shield shield;
    mutex->lock();
  }
  if (woken == Woken::cancelled || woken == Woken::cancelled_notified) throw Cancelled();
  return woken == Woken::notified;
}

void ConditionVariable::notify_one() noexcept {
  ConditionWaiter* waiter;
  {
    const base::ShortLock guard(queue_.lock);
    waiter = static_cast<ConditionWaiter*>(pop_front(queue_.waiters));
    if (waiter != nullptr) waiter->is_alone = true;
  }
  if (waiter != nullptr) waiter->notify();
}

void ConditionVariable::notify_all() noexcept {
  Chain woken;
  {
    const base::ShortLock guard(queue_.lock);
    woken.take(queue_.waiters);
  }
  woken.notify_all();
}

}  // namespace runtime::inline v1::sync
