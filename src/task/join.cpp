#include "task/join.hpp"

#include "base/sanitizer.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::task {
namespace {

constexpr std::uintptr_t kLocal = 4;

bool is_local(const JoinWaiter* waiter) noexcept { return (reinterpret_cast<std::uintptr_t>(waiter) & kLocal) != 0; }

JoinWaiter* mark_local(JoinWaiter* waiter) noexcept {
  return reinterpret_cast<JoinWaiter*>(reinterpret_cast<std::uintptr_t>(waiter) | kLocal);
}

JoinWaiter* unmark(JoinWaiter* waiter) noexcept {
  return reinterpret_cast<JoinWaiter*>(reinterpret_cast<std::uintptr_t>(waiter) & ~kLocal);
}

static_assert(alignof(JoinWaiter) > kLocal);

}  // namespace

void FiberWaiter::notify() noexcept {
  Task& waiter = waiter_;
  if (waiter.schedule->is_owner()) {
    notified_.store(true, std::memory_order_relaxed);
    wake(waiter);
    return;
  }
  // As soon as the flag is seen, the frame that holds us and even the task may go: hold the task until it is woken.
  waiter.hold();
  notified_.store(true, std::memory_order_release);  // pairs with is_notified()
  wake(waiter);
  waiter.unhold();
}

bool enlist(Task& task, JoinWaiter& waiter) noexcept {
  JoinWaiter* expected = nullptr;
  return task.joiner.compare_exchange_strong(expected, &waiter, std::memory_order_acq_rel, std::memory_order_acquire);
}

bool withdraw(Task& task, JoinWaiter& waiter) noexcept {
  JoinWaiter* expected = &waiter;
  return task.joiner.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel, std::memory_order_acquire);
}

bool enlist_locally(Task& task, FiberWaiter& waiter) noexcept {
  if (task.joiner.load(std::memory_order_relaxed) == kEnded) return false;
  task.joiner.store(mark_local(&waiter), std::memory_order_relaxed);
  return true;
}

void withdraw_locally(Task& task) noexcept {
  if (task.joiner.load(std::memory_order_relaxed) != kEnded) task.joiner.store(nullptr, std::memory_order_relaxed);
}

void publish_end(Task& task) noexcept {
  base::happens_before(&task);
  if (JoinWaiter* waiter = task.joiner.load(std::memory_order_relaxed); is_local(waiter)) {
    // Its handle is in use by a fiber of this thread, which is parked: nobody else can touch `joiner` now.
    task.joiner.store(kEnded, std::memory_order_release);
    unmark(waiter)->notify();
    return;
  }
  JoinWaiter* joiner = task.joiner.exchange(kEnded, std::memory_order_acq_rel);
  if (joiner == nullptr) return;  // the handle will find kEnded
  if (joiner == kDetached) {
    if (task.exception && !task.joined) task.schedule->report_unhandled(task);
    task.drop_reference();
    return;
  }
  joiner->notify();
}

void detach(Task& task) noexcept {
  JoinWaiter* expected = nullptr;
  if (!task.is_finished() &&
      task.joiner.compare_exchange_strong(expected, kDetached, std::memory_order_acq_rel, std::memory_order_acquire)) {
    return;  // the runtime, ending the task, will find kDetached
  }
  base::happens_after(&task);
  if (task.exception && !task.joined) task.schedule->report_unhandled(task);
  task.drop_reference();
}

}  // namespace runtime::inline v1::task
