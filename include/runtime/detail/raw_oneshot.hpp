#pragma once

#include <cstdint>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

class OneshotChannel;

/// The erased half of oneshot::Sender. A value is moved from only when it is accepted.
class RUNTIME_API RawOneshotSender final {
 public:
  explicit RawOneshotSender(OneshotChannel* channel) noexcept : channel_(channel) {}
  RawOneshotSender(RawOneshotSender&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  RawOneshotSender& operator=(RawOneshotSender&& other) noexcept;
  ~RawOneshotSender() {
    if (channel_ != nullptr) release();
  }

  void send(void* value);
  bool is_closed() const;
  void closed() const;

 private:
  OneshotChannel& channel() const;
  void release() noexcept;

  OneshotChannel* channel_;  // null: used, or moved from
};

/// The erased half of oneshot::Receiver.
class RUNTIME_API RawOneshotReceiver final {
 public:
  explicit RawOneshotReceiver(OneshotChannel* channel) noexcept : channel_(channel) {}
  RawOneshotReceiver(RawOneshotReceiver&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  RawOneshotReceiver& operator=(RawOneshotReceiver&& other) noexcept;
  ~RawOneshotReceiver() {
    if (channel_ != nullptr) release();
  }

  bool recv(void* to);                          // false: nothing comes any more
  bool recv_for(void* to, std::int64_t limit);  // false: that, or the limit came first
  bool try_recv(void* to);
  void close();

 private:
  OneshotChannel& channel() const;
  void release() noexcept;

  OneshotChannel* channel_;  // null: moved from
};

/// With its sender and its receiver, who own it. Throws: std::bad_alloc.
RUNTIME_API OneshotChannel* new_oneshot(const ValueType* type);

}  // namespace detail
}  // namespace v1
}  // namespace runtime
