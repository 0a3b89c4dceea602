#include "sync/mpsc_channel.hpp"

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"

namespace runtime::inline v1::detail {

using sync::Message;
using sync::pop_front;
using sync::push_back;
using sync::Reason;
using sync::ValueBlocks;
using sync::Waiter;
using sync::Woken;

namespace {

constexpr char kIsClosed[] = "send() into a channel whose receiver has gone or has closed it: nobody would get the value";

}  // namespace

MpscChannel::MpscChannel(const ValueType& type, std::uint64_t capacity) noexcept
    : type_(type),
      capacity_(capacity),
      is_bytes_(sync::is_bytes(type)),
      free_(capacity),
      values_(type, capacity),
      spare_(type),
      taken_values_(type, capacity),
      emptied_(type) {}

MpscChannel::~MpscChannel() {
  if (sending_.first != nullptr || receiving_.first != nullptr || awaiting_close_.first != nullptr) {
    destroyed_while_awaited();
  }
}

// Sending. --------------------------------------------------------------------------------------------------------------

void MpscChannel::send(void* value) {
  task::Task* self = sync::begin_wait();
  lock();
  if (RUNTIME_UNLIKELY(is_closed_)) {
    unlock();
    sync::throw_closed(kIsClosed);
  }
  if (RUNTIME_LIKELY(free_ > 0)) {
    --free_;
    deposit(value);
    return sync::completed_at_once(self);
  }
  wait_for_place(self);
  send_reserved(value);
}

bool MpscChannel::try_send(void* value) {
  lock();
  if (is_closed_) {
    unlock();
    sync::throw_closed(kIsClosed);
  }
  if (free_ == 0) {
    unlock();
    return false;
  }
  --free_;
  deposit(value);
  return true;
}

void MpscChannel::send_now(void* value) {
  lock();
  if (RUNTIME_UNLIKELY(is_closed_)) {
    unlock();
    sync::throw_closed(kIsClosed);
  }
  deposit(value);
}

void MpscChannel::reserve() {
  task::Task* self = sync::begin_wait();
  lock();
  if (is_closed_) {
    unlock();
    sync::throw_closed(kIsClosed);
  }
  if (free_ > 0) {
    --free_;
    ++promised_;
    ++owners_;
    unlock();
    return sync::completed_at_once(self);
  }
  wait_for_place(self);
  const base::ShortLock again(lock_);
  ++owners_;
}

// The caller has a place that was promised to it. What it sends after the channel was closed is received all the same; if
// there is nobody to receive it, it goes.
void MpscChannel::send_reserved(void* value) {
  lock();
  --promised_;
  deposit(value);
}

// Afterwards a place is promised to the caller. Under the lock; without it in the end.
[[gnu::noinline]] void MpscChannel::wait_for_place(task::Task* self) {
  SendWaiter waiter(self);
  push_back(sending_, waiter);
  unlock();
  const Reason reason{task::WaitFor::channel_send, this};
  const Woken woken = wait(lock_, sending_, waiter, reason, base::kForever);
  if (woken == Woken::notified) {
    if (waiter.is_refused) sync::throw_closed(kIsClosed);
    return;
  }
  if (woken == Woken::cancelled_notified && !waiter.is_refused) return_place();
  throw Cancelled();
}

// A place is free: of whoever waits, or of nobody. Under the lock.
inline Waiter* MpscChannel::free_place() noexcept {
  if (!has_limit()) return nullptr;
  Waiter* sender = pop_front(sending_);
  sender != nullptr ? ++promised_ : ++free_;
  return sender;
}

// Puts a value into a place that is neither free nor promised any more. Under the lock; without it in the end.
inline void MpscChannel::deposit(void* value) {
  RUNTIME_LIKELY(is_bytes_) ? deposit_bytes(value) : deposit_message(value);
}

inline void MpscChannel::deposit_bytes(void* value) {
  if (RUNTIME_UNLIKELY(!values_.has_room())) make_room();
  append_bytes(value);
}

// Under the lock, and again in the end.
[[gnu::noinline]] void MpscChannel::make_room() {
  ++promised_;
  unlock();
  ValueBlocks::Block* block;
  try {
    block = values_.make_block();
  } catch (...) {
    return_place(nullptr);
    throw;
  }
  lock();
  --promised_;
  values_.add(*block);
}

// There is room in a block. Under the lock; without it in the end.
inline void MpscChannel::append_bytes(void* value) noexcept {
  if (RUNTIME_UNLIKELY(receiver_has_gone_)) return unlock();
  values_.push(value);
  count_pushed();
  Waiter* receiver = pop_front(receiving_);
  unlock();
  if (receiver != nullptr) receiver->notify();
}

[[gnu::noinline]] void MpscChannel::deposit_message(void* value) {
  Message* message = spare_.pop();
  ++promised_;
  unlock();
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
      queue_.push_back(*message);
      count_pushed();
      message = nullptr;
    }
  }
  if (receiver != nullptr) receiver->notify();
  if (message != nullptr) Message::destroy(message, type_);
}

// A promised place is not needed after all; `message` has no value, and may be null.
[[gnu::noinline]] void MpscChannel::return_place(Message* message) noexcept {
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

bool MpscChannel::receive(void* to) { return receive_within(to, base::kForever); }
bool MpscChannel::receive(void* to, base::Nanos limit) { return receive_within(to, limit); }

[[gnu::always_inline]] inline bool MpscChannel::receive_within(void* to, base::Nanos limit) {
  const bool may_wait = limit != kNoWait;
  task::Task* self = may_wait ? sync::begin_wait() : nullptr;
  if (receive_taken(to)) {
    sync::completed_at_once(self);
    return true;
  }
  lock();
  if (has_queued()) {
    take_first(to);
    sync::completed_at_once(self);
    return true;
  }
  if (no_more_comes() || !may_wait) {
    unlock();
    sync::completed_at_once(self);
    return false;
  }
  if (receiving_.first != nullptr) {
    unlock();
    sync::throw_misuse("recv() while another waits in the same receiver: it is for one at a time");
  }
  base::Nanos deadline = base::kForever;
  do {
    Waiter waiter(self);
    push_back(receiving_, waiter);
    unlock();
    if (limit != base::kForever && deadline == base::kForever) deadline = sync::deadline_of(limit);
    const Reason reason{task::WaitFor::channel_receive, this};
    const Woken woken = wait(lock_, receiving_, waiter, reason, deadline);
    if (woken == Woken::timed_out) return false;
    if (RUNTIME_UNLIKELY(woken != Woken::notified)) throw Cancelled();
    lock();
    if (RUNTIME_LIKELY(has_queued())) {
      take_first(to);
      return true;
    }
  } while (!no_more_comes());
  unlock();
  return false;
}

// False: nothing has been taken that was not received since.
inline bool MpscChannel::receive_taken(void* to) {
  if (RUNTIME_LIKELY(is_bytes_)) {
    if (taken_values_.is_empty()) return false;
    count_popped();
    taken_values_.free_block(taken_values_.pop(to));
    return true;
  }
  Message* message = taken_.pop_front();
  if (message == nullptr) return false;
  unpack(message, to);
  return true;
}

// The queue is not empty. Under the lock; without it in the end.
inline void MpscChannel::take_first(void* to) {
  if (!has_limit()) {
    spare_.put_all(emptied_);
    is_bytes_ ? taken_values_.swap(values_) : taken_.append(queue_);
    unlock();
    static_cast<void>(receive_taken(to));
    return;
  }
  Waiter* sender = free_place();
  if (RUNTIME_LIKELY(is_bytes_)) {
    count_popped();
    ValueBlocks::Block* unneeded = values_.pop(to);
    unlock();
    if (sender != nullptr) sender->notify();
    return values_.free_block(unneeded);
  }
  spare_.put_all(emptied_);
  Message* message = queue_.pop_front();
  unlock();
  if (sender != nullptr) sender->notify();
  unpack(message, to);
}

// The message is the receiver's alone.
[[gnu::noinline]] void MpscChannel::unpack(Message* message, void* to) {
  count_popped();
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

}  // namespace runtime::inline v1::detail
