#include "task/join.hpp"

#include <exception>

#include "base/sanitizer.hpp"
#include "base/signal_text.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::task {
namespace {

[[noreturn, gnu::noinline]] void report_joined_handle(const Task& task) noexcept {
  base::SignalText text;
  text << "runtime: the JoinHandle of task " << task.id
       << " was destroyed while somebody joins through it; a handle is for one at a time. The program ends.\n";
  text.write();
  std::terminate();
}

// What most handles never need has frames of its own, so that their going needs none.

// False: the task has ended meanwhile.
[[gnu::noinline]] bool detach_before_end(Task& task) noexcept {
  JoinWaiter* expected = nullptr;
  if (task.joiner.compare_exchange_strong(expected, kDetached, std::memory_order_acq_rel, std::memory_order_acquire)) {
    return true;  // the runtime, ending the task, will find kDetached
  }
  if (!task.is_finished()) report_joined_handle(task);
  return false;
}

[[gnu::noinline]] void drop_shielded_outcome(Task& task) noexcept {
  const Shield shield;
  task.drop_outcome();
}

}  // namespace

void FiberWaiter::notify() noexcept {
  Task& waiter = waiter_;
  if (waiter.schedule->is_owner()) return notify_here();
  // As soon as the flag is seen, the frame that holds us and even the task may go: hold the task until it is woken.
  waiter.hold();
  notified_.store(true, std::memory_order_release);  // pairs with is_notified()
  wake(waiter);
  waiter.unhold();
}

Enlisted enlist(Task& task, JoinWaiter& waiter) noexcept {
  JoinWaiter* found = nullptr;
  if (task.joiner.compare_exchange_strong(found, &waiter, std::memory_order_acq_rel, std::memory_order_acquire)) {
    return Enlisted::yes;
  }
  return found == kEnded ? Enlisted::task_has_ended : Enlisted::place_is_taken;
}

bool withdraw(Task& task, JoinWaiter& waiter) noexcept {
  JoinWaiter* expected = &waiter;
  return task.joiner.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel, std::memory_order_acquire);
}

bool publish_end_to_any(Task& task) noexcept {
  base::happens_before(&task);
  JoinWaiter* joiner = task.joiner.exchange(kEnded, std::memory_order_acq_rel);
  if (joiner == nullptr) return false;  // the handle will find kEnded
  if (joiner == kDetached) return true;
  joiner->notify();
  return false;
}

void detach(Task& task) noexcept {
  if (RUNTIME_UNLIKELY(!task.is_finished() && detach_before_end(task))) return;
  base::happens_after(&task);
  if (RUNTIME_UNLIKELY(task.has_outcome())) drop_shielded_outcome(task);
  task.drop_reference();
}

}  // namespace runtime::inline v1::task
