#include "sync/mpsc_channel.hpp"

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"

namespace runtime::inline v1::detail {
namespace {

using sync::Message;
using sync::pop_front;
using sync::push_back;
using sync::Reason;
using sync::Waiter;
using sync::Woken;

constexpr char kIsClosed[] = "send() into a channel whose receiver has gone or has closed it: nobody would get the value";

class SendWaiter final : public Waiter {
 public:
  using Waiter::Waiter;
  bool is_refused = false;  // the channel was closed; guarded by its lock until notified
};

}  // namespace

MpscChannel::MpscChannel(const ValueType& type, std::uint64_t capacity) noexcept
    : type_(type), capacity_(capacity), free_(capacity), spare_(type), emptied_(type) {}

MpscChannel::~MpscChannel() {
  if (sending_.first != nullptr || receiving_.first != nullptr || awaiting_close_.first != nullptr) {
    destroyed_while_awaited();
  }
}

// Sending. --------------------------------------------------------------------------------------------------------------

void MpscChannel::send(void* value) {
  task::Task* self = sync::begin_wait();
  base::ShortLock guard(lock_);
  if (RUNTIME_UNLIKELY(is_closed_)) {
    guard.unlock();
    sync::throw_closed(kIsClosed);
  }
  if (RUNTIME_LIKELY(free_ > 0)) {
    --free_;
    deposit(guard, value);
    return sync::completed_at_once(self);
  }
  wait_for_place(guard, self);
  send_reserved(value);
}

bool MpscChannel::try_send(void* value) {
  base::ShortLock guard(lock_);
  if (is_closed_) {
    guard.unlock();
    sync::throw_closed(kIsClosed);
  }
  if (free_ == 0) return false;
  --free_;
  deposit(guard, value);
  return true;
}

void MpscChannel::send_now(void* value) {
  base::ShortLock guard(lock_);
  if (RUNTIME_UNLIKELY(is_closed_)) {
    guard.unlock();
    sync::throw_closed(kIsClosed);
  }
  deposit(guard, value);
}

void MpscChannel::reserve() {
  task::Task* self = sync::begin_wait();
  base::ShortLock guard(lock_);
  if (is_closed_) {
    guard.unlock();
    sync::throw_closed(kIsClosed);
  }
  if (free_ > 0) {
    --free_;
    ++promised_;
    ++owners_;
    guard.unlock();
    return sync::completed_at_once(self);
  }
  wait_for_place(guard, self);
  const base::ShortLock again(lock_);
  ++owners_;
}

// The caller has a place that was promised to it. What it sends after the channel was closed is received all the same; if
// there is nobody to receive it, it goes.
void MpscChannel::send_reserved(void* value) {
  base::ShortLock guard(lock_);
  --promised_;
  deposit(guard, value);
}

// Afterwards a place is promised to the caller. Under the lock; without it in the end.
void MpscChannel::wait_for_place(base::ShortLock& guard, task::Task* self) {
  SendWaiter waiter(self);
  push_back(sending_, waiter);
  guard.unlock();
  const Reason reason{task::WaitFor::channel_send, this};
  const Woken woken = wait(lock_, sending_, waiter, reason, base::kForever);
  if (woken == Woken::notified) {
    if (waiter.is_refused) sync::throw_closed(kIsClosed);
    return;
  }
  if (woken == Woken::cancelled_notified && !waiter.is_refused) return_place();
  throw Cancelled();
}

inline void MpscChannel::append(Message& message) noexcept {
  queue_.push_back(message);
  pushed_.store(pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// A place is free: of whoever waits, or of nobody. Under the lock.
inline Waiter* MpscChannel::free_place() noexcept {
  if (!has_limit()) return nullptr;
  Waiter* sender = pop_front(sending_);
  sender != nullptr ? ++promised_ : ++free_;
  return sender;
}

// Puts a value into a place that is neither free nor promised any more. Under the lock; without it in the end.
void MpscChannel::deposit(base::ShortLock& guard, void* value) {
  Message* message = spare_.pop();
  if (message != nullptr && sync::is_bytes(type_) && !receiver_has_gone_) {
    sync::move_value(type_, message->value(type_), value);
    append(*message);
    Waiter* receiver = pop_front(receiving_);
    guard.unlock();
    if (receiver != nullptr) receiver->notify();
    return;
  }
  ++promised_;
  guard.unlock();
  try {
    if (message == nullptr) message = Message::make(type_);
    sync::move_value(type_, message->value(type_), value);
  } catch (...) {
    return_place(message);
    throw;
  }
  push_promised(message);
}

void MpscChannel::push_promised(Message* message) noexcept {
  Waiter* receiver;
  {
    const base::ShortLock guard(lock_);
    --promised_;
    receiver = pop_front(receiving_);
    if (!receiver_has_gone_) {
      append(*message);
      message = nullptr;
    }
  }
  if (receiver != nullptr) receiver->notify();
  if (message != nullptr) Message::destroy(message, type_);
}

// A promised place is not needed after all; `message` has no value, and may be null.
void MpscChannel::return_place(Message* message) noexcept {
  Waiter* sender;
  Waiter* receiver = nullptr;
  {
    const base::ShortLock guard(lock_);
    --promised_;
    sender = free_place();
    if (no_more_comes()) receiver = pop_front(receiving_);
    message = spare_.put(message);
  }
  if (sender != nullptr) sender->notify();
  if (receiver != nullptr) receiver->notify();
  Message::free(message, type_);
}

// Receiving. ------------------------------------------------------------------------------------------------------------

bool MpscChannel::receive(void* to, base::Nanos limit) {
  const bool may_wait = limit != kNoWait;
  task::Task* self = may_wait ? sync::begin_wait() : nullptr;
  base::Nanos deadline = base::kForever;
  for (bool has_waited = false;; has_waited = true) {
    if (Message* message = next_taken()) {
      unpack(message, to);
      if (!has_waited) sync::completed_at_once(self);
      return true;
    }
    base::ShortLock guard(lock_);
    if (!queue_.is_empty()) {
      take_first(guard, to);
      if (!has_waited) sync::completed_at_once(self);
      return true;
    }
    if (!may_wait) return false;
    if (no_more_comes()) {
      guard.unlock();
      if (!has_waited) sync::completed_at_once(self);
      return false;
    }
    if (receiving_.first != nullptr) {
      guard.unlock();
      sync::throw_misuse("recv() while another waits in the same receiver: it is for one at a time");
    }
    Waiter waiter(self);
    push_back(receiving_, waiter);
    guard.unlock();
    if (!has_waited) deadline = sync::deadline_of(limit);
    const Reason reason{task::WaitFor::channel_receive, this};
    const Woken woken = wait(lock_, receiving_, waiter, reason, deadline);
    if (woken == Woken::timed_out) return false;
    if (woken != Woken::notified) throw Cancelled();
  }
}

Message* MpscChannel::next_taken() noexcept { return taken_.pop_front(); }

// The queue is not empty. Under the lock; without it in the end.
void MpscChannel::take_first(base::ShortLock& guard, void* to) {
  spare_.put_all(emptied_);
  if (!has_limit()) {
    taken_.append(queue_);
    guard.unlock();
    return unpack(next_taken(), to);
  }
  Message* message = queue_.pop_front();
  Waiter* sender = free_place();
  if (sync::is_bytes(type_)) {
    count_popped();
    sync::move_value(type_, to, message->value(type_));
    message = spare_.put(message);
    guard.unlock();
    if (sender != nullptr) sender->notify();
    return Message::free(message, type_);
  }
  guard.unlock();
  if (sender != nullptr) sender->notify();
  unpack(message, to);
}

// The message is the receiver's alone.
void MpscChannel::unpack(Message* message, void* to) {
  count_popped();
  if (sync::is_bytes(type_)) {
    sync::move_value(type_, to, message->value(type_));
    message = emptied_.put(message);
    if (RUNTIME_UNLIKELY(message != nullptr)) Message::free(message, type_);
    return;
  }
  struct Emptied {
    MpscChannel& channel;
    Message* message;
    ~Emptied() {
      sync::destroy_value(channel.type_, message->value(channel.type_));
      Message::free(channel.emptied_.put(message), channel.type_);
    }
  } const emptied{*this, message};
  sync::move_value(type_, to, message->value(type_));
}

void MpscChannel::count_popped() noexcept {
  popped_.store(popped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Closing. --------------------------------------------------------------------------------------------------------------

void MpscChannel::close() noexcept {
  base::ShortLock guard(lock_);
  close(guard);
}

// Under the lock; without it in the end.
void MpscChannel::close(base::ShortLock& guard) noexcept {
  sync::Chain told;
  is_closed_ = true;
  while (Waiter* sender = pop_front(sending_)) {
    static_cast<SendWaiter*>(sender)->is_refused = true;
    told.add(*sender);
  }
  told.take(awaiting_close_);
  if (no_more_comes()) told.take(receiving_);
  guard.unlock();
  told.notify_all();
}

void MpscChannel::wait_until_closed() {
  task::Task* self = sync::begin_wait();
  Waiter waiter(self);
  {
    base::ShortLock guard(lock_);
    if (is_closed_) {
      guard.unlock();
      return sync::completed_at_once(self);
    }
    push_back(awaiting_close_, waiter);
  }
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
  {
    base::ShortLock guard(lock_);
    receiver_has_gone_ = true;
    taken_.append(queue_);
    close(guard);
  }
  while (Message* message = next_taken()) Message::destroy(message, type_);
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
