#include <runtime/sync/watch.hpp>

#include "sync/begin_wait.hpp"
#include "sync/watch_channel.hpp"

// The handles of a channel: what each owns, and what becomes of one that was moved from.

namespace runtime::inline v1::detail {

WatchChannel* new_watch(const ValueType* type, void* first) { return new WatchChannel(*type, first); }

RawWatchLook::~RawWatchLook() { channel_.leave(message_); }
const void* RawWatchLook::value() const noexcept { return channel_.value_of(message_); }

RawWatchReceiver::RawWatchReceiver(const RawWatchReceiver& other) noexcept
    : channel_(other.channel_), seen_(other.seen_) {
  if (channel_ != nullptr) channel_->copy_receiver();
}

WatchChannel& RawWatchReceiver::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("this receiver was moved from: assign another one to it first");
  return *channel_;
}

void RawWatchReceiver::release() noexcept { channel_->drop_receiver(); }

RawWatchLook RawWatchReceiver::look() const {
  std::uint64_t unseen;
  WatchChannel& at = channel();
  return RawWatchLook(at, at.use(unseen));
}

RawWatchLook RawWatchReceiver::look_and_update() {
  WatchChannel& at = channel();
  return RawWatchLook(at, at.use(seen_));
}

bool RawWatchReceiver::changed() { return channel().wait_for_change(seen_); }
bool RawWatchReceiver::has_changed() const { return channel().has_changed(seen_); }
void RawWatchReceiver::begin_wait() const { static_cast<void>(sync::begin_wait()); }
void RawWatchReceiver::completed_at_once() const { sync::completed_at_once(task::parkable()); }

RawWatchSender& RawWatchSender::operator=(RawWatchSender&& other) noexcept {
  if (this != &other) {
    if (channel_ != nullptr) release();
    channel_ = std::exchange(other.channel_, nullptr);
  }
  return *this;
}

WatchChannel& RawWatchSender::channel() const {
  if (channel_ == nullptr) sync::throw_misuse("this sender was moved from: assign another one to it first");
  return *channel_;
}

void RawWatchSender::release() noexcept { channel_->drop_sender(); }
void RawWatchSender::send(void* value) const { channel().send(value); }
void RawWatchSender::replace(void* value, void* former) const { channel().replace(value, former); }
bool RawWatchSender::is_closed() const { return !channel().has_receivers(); }

RawWatchLook RawWatchSender::look() const {
  std::uint64_t unseen;
  WatchChannel& at = channel();
  return RawWatchLook(at, at.use(unseen));
}

RawWatchReceiver RawWatchSender::subscribe() const {
  WatchChannel& at = channel();
  return RawWatchReceiver(&at, at.add_receiver());
}

}  // namespace runtime::inline v1::detail
