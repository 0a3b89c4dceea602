#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <runtime/detail/channel_value.hpp>

#include "base/compiler.hpp"
#include "base/fifo.hpp"
#include "task/park.hpp"

// How values lie in channels. They are moved and destroyed by code of the user's, which may throw and may wait; so that
// never happens under a channel's lock, unless a value is nothing but a few bytes.

namespace runtime::inline v1::sync {

using detail::ValueType;

inline bool is_bytes(const ValueType& type) noexcept { return type.move == nullptr; }

/// A word, most often: that is two instructions instead of a call.
inline void copy_bytes(void* to, const void* from, std::size_t size) noexcept {
  if (RUNTIME_LIKELY(size == sizeof(void*))) {
    std::memcpy(to, from, sizeof(void*));
  } else {
    std::memcpy(to, from, size);
  }
}

inline void move_value(const ValueType& type, void* to, void* from) {
  is_bytes(type) ? copy_bytes(to, from, type.size) : type.move(to, from);
}
inline void copy_value(const ValueType& type, void* to, const void* from) {
  is_bytes(type) ? copy_bytes(to, from, type.size) : type.copy(to, from);
}
/// A destructor that waits is not to be thrown out of.
inline void destroy_value(const ValueType& type, void* value) noexcept {
  if (type.destroy == nullptr) return;
  const task::Shield shield;
  type.destroy(value);
}

/// A value on its way, and behind it the room for it.
struct Message {
  Message* next = nullptr;      // link of the list it is in
  std::uint64_t unseen = 0;     // broadcast: receivers that have yet to take it
  std::uint32_t users = 0;      // broadcast, watch: those who look at the value just now
  bool is_displaced = false;    // broadcast, watch: the channel has let go of it; its last user destroys it

  static std::size_t offset(const ValueType& type) noexcept {
    return (sizeof(Message) + type.align - 1) & ~(type.align - 1);  // a power of two, but no constant: no division
  }
  void* value(const ValueType& type) noexcept { return reinterpret_cast<std::byte*>(this) + offset(type); }

  /// Without a value. Throws: std::bad_alloc.
  static Message* make(const ValueType& type);
  /// The value has been destroyed, or never was.
  static void free(Message* message, const ValueType& type) noexcept;
  /// The value with it.
  static void destroy(Message* message, const ValueType& type) noexcept {
    destroy_value(type, message->value(type));
    free(message, type);
  }
};

using Messages = base::Fifo<Message, &Message::next>;

/// Messages without values, kept for the next ones. Thread safety: guarded by the lock of the channel. Owns: them.
class SpareMessages final {
 public:
  static constexpr std::size_t kEnough = 128;

  explicit SpareMessages(const ValueType& type) noexcept : type_(type) {}
  SpareMessages(const SpareMessages&) = delete;
  SpareMessages& operator=(const SpareMessages&) = delete;
  ~SpareMessages() {
    while (Message* message = pop()) Message::free(message, type_);
  }

  /// Null when there is none.
  Message* pop() noexcept {
    Message* message = list_.pop_front();
    if (message != nullptr) --count_;
    return message;
  }
  /// Null, or the message back, to be freed without the lock: there are enough.
  [[nodiscard]] Message* put(Message* message) noexcept {
    if (message == nullptr || count_ >= kEnough) return message;
    list_.push_back(*message);
    ++count_;
    return nullptr;
  }
  /// Takes all of another one, if there are not enough.
  void put_all(SpareMessages& other) noexcept {
    if (count_ >= kEnough) return;
    list_.append(other.list_);
    count_ += std::exchange(other.count_, 0);
  }

 private:
  const ValueType& type_;
  Messages list_;
  std::size_t count_ = 0;
};

}  // namespace runtime::inline v1::sync
