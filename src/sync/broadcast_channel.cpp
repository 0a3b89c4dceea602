#include "sync/broadcast_channel.hpp"

#include <algorithm>

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"

namespace runtime::inline v1::detail {
namespace {

using sync::Message;
using sync::push_back;
using sync::Reason;
using sync::Waiter;
using sync::Woken;

[[noreturn]] void throw_no_receiver() {
  sync::throw_closed("send() into a broadcast channel without receivers: subscribe() one first");
}

}  // namespace

BroadcastChannel::BroadcastChannel(const ValueType& type, std::uint64_t size)
    : type_(type), size_(size), ring_(std::make_unique<Message*[]>(size)), spare_(type) {}

BroadcastChannel::~BroadcastChannel() {
  if (receiving_.first != nullptr) destroyed_while_awaited();
}

// Sending. --------------------------------------------------------------------------------------------------------------

std::uint64_t BroadcastChannel::send(void* value) {
  Message* message;
  {
    base::ShortLock guard(lock_);
    if (receivers_ == 0) {
      guard.unlock();
      throw_no_receiver();
    }
    message = spare_.pop();
    if (message != nullptr && sync::is_bytes(type_)) {
      sync::move_value(type_, message->value(type_), value);
      return publish(guard, message);
    }
  }
  try {
    if (message == nullptr) message = Message::make(type_);
    sync::move_value(type_, message->value(type_), value);
  } catch (...) {
    Message::free(message, type_);
    throw;
  }
  base::ShortLock guard(lock_);
  if (const std::uint64_t count = publish(guard, message)) return count;
  Message::destroy(message, type_);
  throw_no_receiver();
}

// Says how many receivers there are; 0: the message is still the caller's. Under the lock; without it in the end.
std::uint64_t BroadcastChannel::publish(base::ShortLock& guard, Message* message) noexcept {
  const std::uint64_t count = receivers_;
  if (count == 0) {
    guard.unlock();
    return 0;
  }
  message->unseen = count;
  message->users = 0;
  message->is_displaced = false;
  Message* displaced = std::exchange(at(end_), message);
  ++end_;
  if (displaced != nullptr) {
    displaced->is_displaced = true;
    if (displaced->users != 0) displaced = nullptr;  // the last of them destroys it
  }
  sync::Chain told;
  told.take(receiving_);
  guard.unlock();
  told.notify_all();
  if (displaced != nullptr) Message::destroy(displaced, type_);
  return count;
}

// Receiving. ------------------------------------------------------------------------------------------------------------

bool BroadcastChannel::receive(std::uint64_t& position, void* to, base::Nanos limit, bool may_wait) {
  task::Task* self = may_wait ? sync::begin_wait() : nullptr;
  base::Nanos deadline = base::kForever;
  for (bool has_waited = false;; has_waited = true) {
    base::ShortLock guard(lock_);
    if (position < oldest()) {
      const std::uint64_t missed = oldest() - position;
      position = oldest();
      guard.unlock();
      throw Lagged(missed);
    }
    if (position < end_) {
      copy_out(guard, position++, to);
      if (!has_waited) sync::completed_at_once(self);
      return true;
    }
    if (!may_wait) return false;
    if (senders_ == 0) {
      guard.unlock();
      if (!has_waited) sync::completed_at_once(self);
      return false;
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

// One receiver more has seen the message, which is not displaced. True: it was the last, and the message is out of its
// place. Under the lock.
bool BroadcastChannel::see(Message*& place) noexcept {
  if (--place->unseen != 0) return false;
  place->is_displaced = true;
  place = nullptr;
  return true;
}

// Under the lock; without it in the end.
void BroadcastChannel::copy_out(base::ShortLock& guard, std::uint64_t position, void* to) {
  Message*& place = at(position);
  Message* message = place;
  see(place);
  if (sync::is_bytes(type_)) {
    sync::copy_value(type_, to, message->value(type_));
    Message* surplus = message->is_displaced ? spare_.put(message) : nullptr;
    guard.unlock();
    return Message::free(surplus, type_);
  }
  ++message->users;
  guard.unlock();
  struct Use {
    BroadcastChannel& channel;
    Message* message;
    ~Use() {
      bool is_last;
      {
        const base::ShortLock guard(channel.lock_);
        is_last = --message->users == 0 && message->is_displaced;
      }
      if (!is_last) return;
      sync::destroy_value(channel.type_, message->value(channel.type_));
      base::ShortLock guard(channel.lock_);
      message = channel.spare_.put(message);
      guard.unlock();
      Message::free(message, channel.type_);
    }
  } use{*this, message};
  sync::copy_value(type_, to, message->value(type_));
}

// Owning. ---------------------------------------------------------------------------------------------------------------

void BroadcastChannel::add_sender() noexcept {
  const base::ShortLock guard(lock_);
  ++senders_;
  ++owners_;
}

void BroadcastChannel::drop_sender() noexcept {
  sync::Chain told;
  {
    const base::ShortLock guard(lock_);
    if (--senders_ == 0) told.take(receiving_);
  }
  told.notify_all();
  drop_owner();
}

std::uint64_t BroadcastChannel::add_receiver() noexcept {
  const base::ShortLock guard(lock_);
  ++receivers_;
  ++owners_;
  return end_;
}

// The messages it has not seen lose a receiver, one in each turn: the lock is never held for long.
void BroadcastChannel::drop_receiver(std::uint64_t position) noexcept {
  std::uint64_t end;
  {
    const base::ShortLock guard(lock_);
    --receivers_;
    end = end_;
  }
  for (;;) {
    Message* unwanted;
    {
      const base::ShortLock guard(lock_);
      position = std::max(position, oldest());
      if (position >= end) break;
      Message*& place = at(position++);
      unwanted = place;
      if (!see(place) || unwanted->users != 0) unwanted = nullptr;
    }
    if (unwanted != nullptr) Message::destroy(unwanted, type_);
  }
  drop_owner();
}

void BroadcastChannel::drop_owner() noexcept {
  bool is_last;
  {
    const base::ShortLock guard(lock_);
    is_last = --owners_ == 0;
  }
  if (is_last) delete this;
}

std::uint64_t BroadcastChannel::receivers() noexcept {
  const base::ShortLock guard(lock_);
  return receivers_;
}

std::uint64_t BroadcastChannel::sent() noexcept {
  const base::ShortLock guard(lock_);
  return end_;
}

bool BroadcastChannel::is_closed() noexcept {
  const base::ShortLock guard(lock_);
  return senders_ == 0;
}

}  // namespace runtime::inline v1::detail
