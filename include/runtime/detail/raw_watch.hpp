#pragma once

#include <cstdint>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

namespace sync {
struct Message;
}

namespace detail {

class WatchChannel;

/// A look at the value of a watch: it stays as it is until the look ends, whatever is sent meanwhile.
class RUNTIME_API RawWatchLook final {
 public:
  RawWatchLook(WatchChannel& channel, sync::Message& message) noexcept : channel_(channel), message_(message) {}
  RawWatchLook(const RawWatchLook&) = delete;
  RawWatchLook& operator=(const RawWatchLook&) = delete;
  ~RawWatchLook();

  const void* value() const noexcept;

 private:
  WatchChannel& channel_;
  sync::Message& message_;
};

/// The erased half of watch::Receiver.
class RUNTIME_API RawWatchReceiver final {
 public:
  RawWatchReceiver(WatchChannel* channel, std::uint64_t seen) noexcept : channel_(channel), seen_(seen) {}
  RawWatchReceiver(const RawWatchReceiver& other) noexcept;
  RawWatchReceiver(RawWatchReceiver&& other) noexcept
      : channel_(std::exchange(other.channel_, nullptr)), seen_(other.seen_) {}
  RawWatchReceiver& operator=(RawWatchReceiver other) noexcept {
    std::swap(channel_, other.channel_);
    std::swap(seen_, other.seen_);
    return *this;
  }
  ~RawWatchReceiver() {
    if (channel_ != nullptr) release();
  }

  RawWatchLook look() const;
  RawWatchLook look_and_update();
  bool changed();            // waits; false: closed
  bool has_changed() const;
  void begin_wait() const;   // for waits that look first
  void completed_at_once() const;

 private:
  WatchChannel& channel() const;
  void release() noexcept;

  WatchChannel* channel_;  // null: moved from
  std::uint64_t seen_;     // the version last seen
};

/// The erased half of watch::Sender.
class RUNTIME_API RawWatchSender final {
 public:
  explicit RawWatchSender(WatchChannel* channel) noexcept : channel_(channel) {}
  RawWatchSender(RawWatchSender&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  RawWatchSender& operator=(RawWatchSender&& other) noexcept;
  ~RawWatchSender() {
    if (channel_ != nullptr) release();
  }

  void send(void* value) const;
  void replace(void* value, void* former) const;  // constructs *former
  RawWatchLook look() const;
  RawWatchReceiver subscribe() const;
  bool is_closed() const;

 private:
  WatchChannel& channel() const;
  void release() noexcept;

  WatchChannel* channel_;  // null: moved from
};

/// With its sender, who owns it. Throws: what the move of the first value throws; std::bad_alloc.
RUNTIME_API WatchChannel* new_watch(const ValueType* type, void* first);

}  // namespace detail
}  // namespace v1
}  // namespace runtime
