#include <runtime/sync/oneshot.hpp>

#include <runtime/error.hpp>

#include "base/short_lock.hpp"
#include "sync/begin_wait.hpp"
#include "sync/message.hpp"
#include "sync/wait_list.hpp"

namespace runtime::inline v1::detail {
namespace {

using sync::Message;
using sync::pop_front;
using sync::push_back;
using sync::Reason;
using sync::Waiter;
using sync::Woken;

}  // namespace

/// One value, once.
///
/// Thread safety: any thread. Owns: the value. Owned by: sender and receiver together.
class OneshotChannel final {
 public:
  explicit OneshotChannel(const ValueType& type) : type_(type), message_(Message::make(type)) {}

  void send(void* value);
  bool receive(void* to, base::Nanos limit, bool may_wait);
  void close() noexcept;
  bool is_closed() noexcept;
  void wait_until_closed();
  void drop_sender() noexcept;
  void drop_receiver() noexcept;

 private:
  enum class State : unsigned char {
    empty,
    filling,  // the value is being moved in, without the lock: it will be full, or empty again
    full,
    taken,    // the value is being moved out, or is gone
  };

  ~OneshotChannel();
  bool nothing_comes() const noexcept { return (is_closed_ || !has_sender_) && state_ == State::empty; }
  void settle(State state) noexcept;
  void drop_owner() noexcept;

  const ValueType& type_;
  Message* const message_;
  std::atomic<std::uint32_t> lock_{0};
  // Guarded by lock_.
  State state_ = State::empty;
  bool is_closed_ = false;
  bool has_sender_ = true;
  int owners_ = 2;
  WaiterEnds receiving_;  // at most one
  WaiterEnds awaiting_close_;
};

OneshotChannel::~OneshotChannel() {
  if (receiving_.first != nullptr || awaiting_close_.first != nullptr) destroyed_while_awaited();
  if (state_ == State::full) sync::destroy_value(type_, message_->value(type_));
  Message::free(message_, type_);
}

void OneshotChannel::send(void* value) {
  {
    base::ShortLock guard(lock_);
    if (is_closed_) {
      guard.unlock();
      sync::throw_closed("send() into a oneshot channel whose receiver has gone or has closed it: nobody would get the value");
    }
    state_ = State::filling;
  }
  try {
    sync::move_value(type_, message_->value(type_), value);
  } catch (...) {
    settle(State::empty);
    throw;
  }
  settle(State::full);
}

void OneshotChannel::settle(State state) noexcept {
  Waiter* receiver;
  {
    const base::ShortLock guard(lock_);
    state_ = state;
    receiver = state == State::full || nothing_comes() ? pop_front(receiving_) : nullptr;
  }
  if (receiver != nullptr) receiver->notify();
}

bool OneshotChannel::receive(void* to, base::Nanos limit, bool may_wait) {
  task::Task* self = may_wait ? sync::begin_wait() : nullptr;
  base::Nanos deadline = base::kForever;
  for (bool has_waited = false;; has_waited = true) {
    base::ShortLock guard(lock_);
    if (state_ == State::full) {
      state_ = State::taken;
      guard.unlock();
      struct Emptied {
        OneshotChannel& channel;
        ~Emptied() { sync::destroy_value(channel.type_, channel.message_->value(channel.type_)); }
      } const emptied{*this};
      sync::move_value(type_, to, message_->value(type_));
      if (!has_waited) sync::completed_at_once(self);
      return true;
    }
    if (!may_wait) return false;
    if (state_ == State::taken) {
      guard.unlock();
      sync::throw_misuse("recv() on a oneshot receiver that has had its value: there is only one");
    }
    if (nothing_comes()) {
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

void OneshotChannel::close() noexcept {
  sync::Chain told;
  {
    const base::ShortLock guard(lock_);
    is_closed_ = true;
    told.take(awaiting_close_);
    if (nothing_comes()) told.take(receiving_);
  }
  told.notify_all();
}

bool OneshotChannel::is_closed() noexcept {
  const base::ShortLock guard(lock_);
  return is_closed_;
}

void OneshotChannel::wait_until_closed() {
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

void OneshotChannel::drop_sender() noexcept {
  Waiter* receiver;
  {
    const base::ShortLock guard(lock_);
    has_sender_ = false;
    receiver = nothing_comes() ? pop_front(receiving_) : nullptr;
  }
  if (receiver != nullptr) receiver->notify();
  drop_owner();
}

void OneshotChannel::drop_receiver() noexcept {
  close();
  bool has_value;
  {
    const base::ShortLock guard(lock_);
    has_value = state_ == State::full;
    if (has_value) state_ = State::taken;
  }
  if (has_value) sync::destroy_value(type_, message_->value(type_));
  drop_owner();
}

void OneshotChannel::drop_owner() noexcept {
  bool is_last;
  {
    const base::ShortLock guard(lock_);
    is_last = --owners_ == 0;
  }
  if (is_last) delete this;
}

// The handles. ----------------------------------------------------------------------------------------------------------

OneshotChannel* new_oneshot(const ValueType* type) { return new OneshotChannel(*type); }

RawOneshotSender& RawOneshotSender::operator=(RawOneshotSender&& other) noexcept {
  if (this != &other) {
    if (channel_ != nullptr) release();
    channel_ = std::exchange(other.channel_, nullptr);
  }
  return *this;
}

OneshotChannel& RawOneshotSender::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("a oneshot sender is for one value, and this one was used or moved from");
  return *channel_;
}

void RawOneshotSender::send(void* value) {
  OneshotChannel& to = channel();
  // Used up in any case. Gone only after the value is in: then the channel may go as well.
  RawOneshotSender used(std::exchange(channel_, nullptr));
  to.send(value);
}

void RawOneshotSender::release() noexcept { channel_->drop_sender(); }
bool RawOneshotSender::is_closed() const { return channel().is_closed(); }
void RawOneshotSender::closed() const { channel().wait_until_closed(); }

RawOneshotReceiver& RawOneshotReceiver::operator=(RawOneshotReceiver&& other) noexcept {
  if (this != &other) {
    if (channel_ != nullptr) release();
    channel_ = std::exchange(other.channel_, nullptr);
  }
  return *this;
}

OneshotChannel& RawOneshotReceiver::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("this oneshot receiver was moved from: assign another one to it first");
  return *channel_;
}

void RawOneshotReceiver::release() noexcept { channel_->drop_receiver(); }
bool RawOneshotReceiver::recv(void* to) { return channel().receive(to, base::kForever, true); }
bool RawOneshotReceiver::recv_for(void* to, std::int64_t limit) {
  sync::check_limit(limit, "recv_for()");
  return channel().receive(to, limit, true);
}
bool RawOneshotReceiver::try_recv(void* to) { return channel().receive(to, 0, false); }
void RawOneshotReceiver::close() { channel().close(); }

}  // namespace runtime::inline v1::detail
