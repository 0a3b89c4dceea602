#pragma once

#include <cstdint>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

class BroadcastChannel;

/// The erased half of broadcast::Receiver.
class RUNTIME_API RawBroadcastReceiver final {
 public:
  RawBroadcastReceiver(BroadcastChannel* channel, std::uint64_t position) noexcept
      : channel_(channel), position_(position) {}
  RawBroadcastReceiver(RawBroadcastReceiver&& other) noexcept
      : channel_(std::exchange(other.channel_, nullptr)), position_(other.position_) {}
  RawBroadcastReceiver& operator=(RawBroadcastReceiver&& other) noexcept;
  ~RawBroadcastReceiver() {
    if (channel_ != nullptr) release();
  }

  bool recv(void* to);                          // false: closed and drained
  bool recv_for(void* to, std::int64_t limit);  // false: that, or the limit came first
  bool try_recv(void* to);
  std::uint64_t len() const;
  bool is_closed() const;
  RawBroadcastReceiver resubscribe() const;

 private:
  BroadcastChannel& channel() const;
  void release() noexcept;

  BroadcastChannel* channel_;  // null: moved from
  std::uint64_t position_;     // of the next message
};

/// The erased half of broadcast::Sender.
class RUNTIME_API RawBroadcastSender final {
 public:
  explicit RawBroadcastSender(BroadcastChannel* channel) noexcept : channel_(channel) {}
  RawBroadcastSender(const RawBroadcastSender& other) noexcept;
  RawBroadcastSender(RawBroadcastSender&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  RawBroadcastSender& operator=(RawBroadcastSender other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~RawBroadcastSender() {
    if (channel_ != nullptr) release();
  }

  std::uint64_t send(void* value) const;
  std::uint64_t receiver_count() const;
  RawBroadcastReceiver subscribe() const;

 private:
  BroadcastChannel& channel() const;
  void release() noexcept;

  BroadcastChannel* channel_;  // null: moved from
};

/// With one sender, who owns it. Throws: Error invalid_argument for a capacity of 0 or above 2^62; std::bad_alloc.
RUNTIME_API BroadcastChannel* new_broadcast(const ValueType* type, std::uint64_t capacity);

}  // namespace detail
}  // namespace v1
}  // namespace runtime
