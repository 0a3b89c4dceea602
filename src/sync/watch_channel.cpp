#include "sync/watch_channel.hpp"

#include <runtime/error.hpp>

#include "sync/begin_wait.hpp"

namespace runtime::inline v1::detail {
namespace {

using sync::Message;
using sync::push_back;
using sync::Reason;
using sync::Waiter;
using sync::Woken;

}  // namespace

WatchChannel::WatchChannel(const ValueType& type, void* first) : type_(type), spare_(type) { current_ = pack(first); }

WatchChannel::~WatchChannel() {
  if (awaiting_change_.first != nullptr || awaiting_users_.first != nullptr) destroyed_while_awaited();
  Message::destroy(current_, type_);
}

// Sending. --------------------------------------------------------------------------------------------------------------

// Throws: what the move throws; std::bad_alloc.
Message* WatchChannel::pack(void* value) {
  Message* message;
  {
    const base::ShortLock guard(lock_);
    message = spare_.pop();
  }
  try {
    if (message == nullptr) message = Message::make(type_);
    sync::move_value(type_, message->value(type_), value);
  } catch (...) {
    Message::free(message, type_);
    throw;
  }
  message->users = 0;
  message->is_displaced = false;
  return message;
}

void WatchChannel::send(void* value) {
  constexpr char kNoReceiver[] = "send() into a watch channel without receivers: subscribe() one, or use send_replace()";
  if (!has_receivers()) sync::throw_closed(kNoReceiver);
  Message* message = pack(value);
  base::ShortLock guard(lock_);
  if (receivers_ == 0) {
    guard.unlock();
    Message::destroy(message, type_);
    sync::throw_closed(kNoReceiver);
  }
  Message* displaced = current_;
  ++displaced->users;  // ours, so that it is destroyed below, without the lock
  publish(guard, *message);
  leave(*displaced);
}

// Under the lock; without it in the end.
void WatchChannel::publish(base::ShortLock& guard, Message& message) noexcept {
  current_->is_displaced = true;
  current_ = &message;
  ++version_;
  sync::Chain told;
  told.take(awaiting_change_);
  guard.unlock();
  told.notify_all();
}

void WatchChannel::replace(void* value, void* former) {
  Message* message = pack(value);
  base::ShortLock guard(lock_);
  Message& displaced = *current_;
  ++displaced.users;
  publish(guard, *message);
  struct Use {
    WatchChannel& channel;
    Message& message;
    ~Use() { channel.leave(message); }
  } const use{*this, displaced};
  if (sync::is_bytes(type_) || type_.copy != nullptr) {
    sync::copy_value(type_, former, displaced.value(type_));
  } else {
    wait_for_users(displaced);
    sync::move_value(type_, former, displaced.value(type_));
  }
}

// Until nobody but the caller uses a displaced message. Those who look end by themselves, and the new value is sent: it
// is not a wait that could be cancelled.
void WatchChannel::wait_for_users(Message& displaced) {
  for (;;) {
    const task::Shield shield;
    Waiter waiter(task::parkable());
    {
      const base::ShortLock guard(lock_);
      if (displaced.users == 1) return;
      push_back(awaiting_users_, waiter);
    }
    const Reason reason{task::WaitFor::channel_send, this};
    static_cast<void>(wait(lock_, awaiting_users_, waiter, reason, base::kForever));
  }
}

// Looking. --------------------------------------------------------------------------------------------------------------

Message& WatchChannel::use(std::uint64_t& seen) noexcept {
  const base::ShortLock guard(lock_);
  seen = version_;
  ++current_->users;
  return *current_;
}

void WatchChannel::leave(Message& message) noexcept {
  sync::Chain told;
  bool is_last;
  {
    const base::ShortLock guard(lock_);
    --message.users;
    is_last = message.users == 0 && message.is_displaced;
    if (message.is_displaced) told.take(awaiting_users_);
  }
  told.notify_all();
  if (!is_last) return;
  sync::destroy_value(type_, message.value(type_));
  Message* surplus;
  {
    const base::ShortLock guard(lock_);
    surplus = spare_.put(&message);
  }
  Message::free(surplus, type_);
}

bool WatchChannel::wait_for_change(std::uint64_t& seen) {
  task::Task* self = sync::begin_wait();
  for (bool has_waited = false;; has_waited = true) {
    base::ShortLock guard(lock_);
    if (seen != version_ || !has_sender_) {
      const bool has_changed = seen != version_;
      seen = version_;
      guard.unlock();
      if (!has_waited) sync::completed_at_once(self);
      return has_changed;
    }
    Waiter waiter(self);
    push_back(awaiting_change_, waiter);
    guard.unlock();
    const Reason reason{task::WaitFor::channel_receive, this};
    if (wait(lock_, awaiting_change_, waiter, reason, base::kForever) != Woken::notified) throw Cancelled();
  }
}

bool WatchChannel::has_changed(std::uint64_t seen) noexcept {
  const base::ShortLock guard(lock_);
  return seen != version_;
}

// Owning. ---------------------------------------------------------------------------------------------------------------

std::uint64_t WatchChannel::add_receiver() noexcept {
  const base::ShortLock guard(lock_);
  ++receivers_;
  ++owners_;
  return version_;
}

void WatchChannel::copy_receiver() noexcept { static_cast<void>(add_receiver()); }

void WatchChannel::drop_receiver() noexcept {
  {
    const base::ShortLock guard(lock_);
    --receivers_;
  }
  drop_owner();
}

void WatchChannel::drop_sender() noexcept {
  sync::Chain told;
  {
    const base::ShortLock guard(lock_);
    has_sender_ = false;
    told.take(awaiting_change_);
  }
  told.notify_all();
  drop_owner();
}

void WatchChannel::drop_owner() noexcept {
  bool is_last;
  {
    const base::ShortLock guard(lock_);
    is_last = --owners_ == 0;
  }
  if (is_last) delete this;
}

bool WatchChannel::has_receivers() noexcept {
  const base::ShortLock guard(lock_);
  return receivers_ != 0;
}

}  // namespace runtime::inline v1::detail
