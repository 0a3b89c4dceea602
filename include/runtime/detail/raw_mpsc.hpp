#pragma once

#include <cstdint>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

class MpscChannel;

/// A place in a channel that is free for one value: the erased half of mpsc::Permit.
class RUNTIME_API RawMpscPermit final {
 public:
  explicit RawMpscPermit(MpscChannel* channel) noexcept : channel_(channel) {}
  RawMpscPermit(RawMpscPermit&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  RawMpscPermit& operator=(RawMpscPermit&& other) noexcept;
  ~RawMpscPermit() {
    if (channel_ != nullptr) release();
  }

  void send(void* value);

 private:
  void release() noexcept;

  MpscChannel* channel_;  // null: used, or moved from
};

/// The erased half of mpsc::Sender and mpsc::UnboundedSender. A value is moved from only when it is accepted.
class RUNTIME_API RawMpscSender final {
 public:
  explicit RawMpscSender(MpscChannel* channel) noexcept : channel_(channel) {}
  RawMpscSender(const RawMpscSender& other) noexcept;
  RawMpscSender(RawMpscSender&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  RawMpscSender& operator=(RawMpscSender other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~RawMpscSender() {
    if (channel_ != nullptr) release();
  }

  void send(void* value) const;       // waits for a place
  bool try_send(void* value) const;   // false: full
  void send_now(void* value) const;   // unbounded
  RawMpscPermit reserve() const;
  std::uint64_t capacity() const;
  std::uint64_t max_capacity() const;
  bool is_closed() const;
  void closed() const;

 private:
  MpscChannel& channel() const;
  void release() noexcept;

  MpscChannel* channel_;  // null: moved from
};

/// The erased half of mpsc::Receiver.
class RUNTIME_API RawMpscReceiver final {
 public:
  explicit RawMpscReceiver(MpscChannel* channel) noexcept : channel_(channel) {}
  RawMpscReceiver(RawMpscReceiver&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  RawMpscReceiver& operator=(RawMpscReceiver&& other) noexcept;
  ~RawMpscReceiver() {
    if (channel_ != nullptr) release();
  }

  bool recv(void* to);                           // false: closed and drained
  bool recv_for(void* to, std::int64_t limit);   // false: that, or the limit came first
  bool try_recv(void* to);
  void close();
  std::uint64_t len() const;
  bool is_closed() const;

 private:
  MpscChannel& channel() const;
  void release() noexcept;

  MpscChannel* channel_;  // null: moved from
};

/// With one sender and the receiver, who own it. Throws: Error invalid_argument for a capacity of 0; std::bad_alloc.
RUNTIME_API MpscChannel* new_mpsc(const ValueType* type, std::uint64_t capacity);
RUNTIME_API MpscChannel* new_unbounded_mpsc(const ValueType* type);

}  // namespace detail
}  // namespace v1
}  // namespace runtime
