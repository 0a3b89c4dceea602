#include "sync/waiter.hpp"

#include <exception>

#include "base/signal_text.hpp"

namespace runtime::inline v1 {
namespace sync {

time::WaitEnd Waiter::park_otherwise(const Reason& reason, base::Nanos deadline) noexcept {
  if (task_ == nullptr) return parker_.park_until(deadline) ? time::WaitEnd::done : time::WaitEnd::timed_out;
  task::Waiting waiting(*task_, reason.what);
  waiting.detail.object = reason.object;
  waiting.holder = reason.holder;
  return time::park_until(*task_, deadline, [this] { return notified_.load(std::memory_order_acquire); });
}

void Waiter::park_certain(const Reason& reason) noexcept {
  if (task_ == nullptr) return parker_.park();
  task::Waiting waiting(*task_, reason.what);
  waiting.detail.object = reason.object;
  waiting.holder = reason.holder;
  task::park_until_certain(*task_, [this] { return notified_.load(std::memory_order_acquire); });
}

void Waiter::notify_elsewhere() noexcept {
  task::Task* task = task_;
  if (task == nullptr) return parker_.unpark();
  // As soon as the flag is seen, the frame that holds us and even the task may go: hold the task until it is woken.
  task->hold();
  notified_.store(true, std::memory_order_release);  // pairs with the loads of those who wait
  task::wake(*task);
  task->unhold();
}

}  // namespace sync

namespace detail {

void destroyed_while_awaited() noexcept {
  base::SignalText text;
  text << "runtime: a synchronisation object was destroyed while somebody waits in it: end or join the waiters first. "
          "The program ends.\n";
  text.write();
  std::terminate();
}

}  // namespace detail
}  // namespace runtime::inline v1
