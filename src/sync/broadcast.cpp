#include <runtime/sync/broadcast.hpp>

#include "sync/begin_wait.hpp"
#include "sync/broadcast_channel.hpp"

// The handles of a channel: what each owns, and what becomes of one that was moved from.

namespace runtime::inline v1::detail {

BroadcastChannel* new_broadcast(const ValueType* type, std::uint64_t capacity) {
  if (capacity == 0) sync::throw_misuse("broadcast::channel() takes a capacity of 1 or more");
  if (capacity > std::uint64_t{1} << 62) sync::throw_misuse("broadcast::channel() takes a capacity of at most 2^62");
  std::uint64_t size = 1;
  while (size < capacity) size *= 2;
  return new BroadcastChannel(*type, size);
}

RawBroadcastSender::RawBroadcastSender(const RawBroadcastSender& other) noexcept : channel_(other.channel_) {
  if (channel_ != nullptr) channel_->add_sender();
}

BroadcastChannel& RawBroadcastSender::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("this sender was moved from: assign another one to it first");
  return *channel_;
}

void RawBroadcastSender::release() noexcept { channel_->drop_sender(); }
std::uint64_t RawBroadcastSender::send(void* value) const { return channel().send(value); }
std::uint64_t RawBroadcastSender::receiver_count() const { return channel().receivers(); }

RawBroadcastReceiver RawBroadcastSender::subscribe() const {
  BroadcastChannel& from = channel();
  return RawBroadcastReceiver(&from, from.add_receiver());
}

RawBroadcastReceiver& RawBroadcastReceiver::operator=(RawBroadcastReceiver&& other) noexcept {
  if (this != &other) {
    if (channel_ != nullptr) release();
    channel_ = std::exchange(other.channel_, nullptr);
    position_ = other.position_;
  }
  return *this;
}

BroadcastChannel& RawBroadcastReceiver::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("this receiver was moved from: assign another one to it first");
  return *channel_;
}

void RawBroadcastReceiver::release() noexcept { channel_->drop_receiver(position_); }
bool RawBroadcastReceiver::recv(void* to) { return channel().receive(position_, to, base::kForever, true); }
bool RawBroadcastReceiver::recv_for(void* to, std::int64_t limit) {
  sync::check_limit(limit, "recv_for()");
  return channel().receive(position_, to, limit, true);
}
bool RawBroadcastReceiver::try_recv(void* to) { return channel().receive(position_, to, 0, false); }
std::uint64_t RawBroadcastReceiver::len() const { return channel().sent() - position_; }
bool RawBroadcastReceiver::is_closed() const { return channel().is_closed(); }

RawBroadcastReceiver RawBroadcastReceiver::resubscribe() const {
  BroadcastChannel& from = channel();
  return RawBroadcastReceiver(&from, from.add_receiver());
}

}  // namespace runtime::inline v1::detail
