#include "sync/begin_wait.hpp"
#include "sync/mpsc_channel.hpp"

// What is done rarely to a channel: it is closed, its handles come and go, and it is asked how it is. How values pass is
// in mpsc_channel.cpp.

namespace runtime::inline v1::detail {

using sync::Message;
using sync::pop_front;
using sync::push_back;
using sync::Reason;
using sync::ValueBlocks;
using sync::Waiter;
using sync::Woken;

void MpscChannel::close() noexcept {
  lock();
  close_and_unlock();
}

void MpscChannel::close_and_unlock() noexcept {
  sync::Chain told;
  is_closed_ = true;
  while (Waiter* sender = pop_front(sending_)) {
    static_cast<SendWaiter*>(sender)->is_refused = true;
    told.add(*sender);
  }
  told.take(awaiting_close_);
  if (no_more_comes()) told.take(receiving_);
  unlock();
  told.notify_all();
}

void MpscChannel::wait_until_closed() {
  task::Task* self = sync::begin_wait();
  Waiter waiter(self);
  lock();
  if (is_closed_) {
    unlock();
    return sync::completed_at_once(self);
  }
  push_back(awaiting_close_, waiter);
  unlock();
  const Reason reason{task::WaitFor::channel_closed, this};
  if (wait(lock_, awaiting_close_, waiter, reason, base::kForever) != Woken::notified) throw Cancelled();
}

void MpscChannel::add_sender() noexcept {
  const base::ShortLock guard(lock_);
  ++senders_;
  ++owners_;
}

void MpscChannel::drop_sender() noexcept {
  Waiter* receiver = nullptr;
  {
    const base::ShortLock guard(lock_);
    --senders_;
    if (no_more_comes()) receiver = pop_front(receiving_);
  }
  if (receiver != nullptr) receiver->notify();
  drop_owner();
}

void MpscChannel::drop_receiver() noexcept {
  ValueBlocks left(type_, capacity_);
  lock();
  receiver_has_gone_ = true;
  taken_.append(queue_);
  left.swap(values_);
  close_and_unlock();
  while (Message* message = taken_.pop_front()) Message::destroy(message, type_);
  drop_owner();
}

void MpscChannel::drop_owner() noexcept {
  bool is_last;
  {
    const base::ShortLock guard(lock_);
    is_last = --owners_ == 0;
  }
  if (is_last) delete this;
}

// Asking. ---------------------------------------------------------------------------------------------------------------

std::uint64_t MpscChannel::capacity() noexcept {
  const base::ShortLock guard(lock_);
  return free_;
}

std::uint64_t MpscChannel::len() const noexcept {
  const std::uint64_t popped = popped_.load(std::memory_order_relaxed);
  return pushed_.load(std::memory_order_relaxed) - popped;
}

bool MpscChannel::is_closed_for_senders() noexcept {
  const base::ShortLock guard(lock_);
  return is_closed_;
}

bool MpscChannel::is_closed_for_receiver() noexcept {
  const base::ShortLock guard(lock_);
  return is_closed_ || senders_ == 0;
}

}  // namespace runtime::inline v1::detail
