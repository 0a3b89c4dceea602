#include <runtime/sync/mpsc.hpp>
#include <runtime/sync/semaphore.hpp>

#include "sync/begin_wait.hpp"
#include "sync/mpsc_channel.hpp"

// The handles of a channel: what each owns, and what becomes of one that was moved from.

namespace runtime::inline v1::detail {

MpscChannel* new_mpsc(const ValueType* type, std::uint64_t capacity) {
  if (capacity == 0) sync::throw_misuse("mpsc::channel() takes a capacity of 1 or more");
  if (capacity > sync::Semaphore::kMaxPermits) {
    sync::throw_misuse("mpsc::channel() takes a capacity of at most Semaphore::kMaxPermits; unbounded_channel() has none");
  }
  return new MpscChannel(*type, capacity);
}

MpscChannel* new_unbounded_mpsc(const ValueType* type) { return new MpscChannel(*type, MpscChannel::kNoLimit); }

RawMpscPermit& RawMpscPermit::operator=(RawMpscPermit&& other) noexcept {
  if (this != &other) {
    if (channel_ != nullptr) release();
    channel_ = std::exchange(other.channel_, nullptr);
  }
  return *this;
}

void RawMpscPermit::send(void* value) {
  if (channel_ == nullptr) sync::throw_misuse("a permit is for one value: reserve() another one");
  struct Owner {
    MpscChannel* channel;
    ~Owner() { channel->drop_permit(); }
  } const owner{std::exchange(channel_, nullptr)};
  owner.channel->send_reserved(value);
}

void RawMpscPermit::release() noexcept {
  channel_->return_place();
  channel_->drop_permit();
}

RawMpscSender::RawMpscSender(const RawMpscSender& other) noexcept : channel_(other.channel_) {
  if (channel_ != nullptr) channel_->add_sender();
}

MpscChannel& RawMpscSender::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("this sender was moved from: assign another one to it first");
  return *channel_;
}

void RawMpscSender::release() noexcept { channel_->drop_sender(); }
void RawMpscSender::send(void* value) const { channel().send(value); }
bool RawMpscSender::try_send(void* value) const { return channel().try_send(value); }
void RawMpscSender::send_now(void* value) const { channel().send_now(value); }
std::uint64_t RawMpscSender::capacity() const { return channel().capacity(); }
std::uint64_t RawMpscSender::max_capacity() const { return channel().max_capacity(); }
bool RawMpscSender::is_closed() const { return channel().is_closed_for_senders(); }
void RawMpscSender::closed() const { channel().wait_until_closed(); }

RawMpscPermit RawMpscSender::reserve() const {
  MpscChannel& to = channel();
  to.reserve();
  return RawMpscPermit(&to);
}

RawMpscReceiver& RawMpscReceiver::operator=(RawMpscReceiver&& other) noexcept {
  if (this != &other) {
    if (channel_ != nullptr) release();
    channel_ = std::exchange(other.channel_, nullptr);
  }
  return *this;
}

MpscChannel& RawMpscReceiver::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("this receiver was moved from: assign another one to it first");
  return *channel_;
}

void RawMpscReceiver::release() noexcept { channel_->drop_receiver(); }
bool RawMpscReceiver::recv(void* to) { return channel().receive(to); }
bool RawMpscReceiver::recv_for(void* to, std::int64_t limit) {
  sync::check_limit(limit, "recv_for()");
  return channel().receive(to, limit);
}
bool RawMpscReceiver::try_recv(void* to) { return channel().receive(to, MpscChannel::kNoWait); }
void RawMpscReceiver::close() { channel().close(); }
std::uint64_t RawMpscReceiver::len() const { return channel().len(); }
bool RawMpscReceiver::is_closed() const { return channel().is_closed_for_receiver(); }

}  // namespace runtime::inline v1::detail
