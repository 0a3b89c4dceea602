#pragma once

#include <atomic>
#include <cstdint>

#include <runtime/detail/raw_mpsc.hpp>

#include "base/clock.hpp"
#include "base/short_lock.hpp"
#include "sync/message.hpp"
#include "sync/value_blocks.hpp"
#include "sync/wait_list.hpp"

namespace runtime::inline v1::detail {

/// Many senders, one receiver.
///
/// Every value needs a place: `free_` of them are free, `promised_` belong to permits, to senders who have just been
/// given one, and to values that are being moved in or wait for a block to be made; the rest hold values. A place that
/// comes free goes to the first who waits. Without a limit only the promised ones are counted.
/// Thread safety: any thread; receive() and what the receiver does by one at a time.
/// Owns: the values. Owned by: senders, permits and the receiver together.
class MpscChannel final {
 public:
  static constexpr std::uint64_t kNoLimit = UINT64_MAX;

  MpscChannel(const ValueType& type, std::uint64_t capacity) noexcept;

  void send(void* value);
  bool try_send(void* value);
  void send_now(void* value);
  void reserve();                        // the permit owns the channel, too
  void send_reserved(void* value);
  void return_place() noexcept { return_place(nullptr); }

  bool receive(void* to);
  /// `limit`: kNoWait or nanoseconds.
  bool receive(void* to, base::Nanos limit);
  static constexpr base::Nanos kNoWait = -1;
  void close() noexcept;

  void add_sender() noexcept;
  void drop_sender() noexcept;
  void drop_permit() noexcept { drop_owner(); }
  void drop_receiver() noexcept;

  std::uint64_t capacity() noexcept;
  std::uint64_t max_capacity() const noexcept { return capacity_; }
  std::uint64_t len() const noexcept;
  bool is_closed_for_senders() noexcept;
  bool is_closed_for_receiver() noexcept;
  void wait_until_closed();

 private:
  class SendWaiter final : public sync::Waiter {
   public:
    using Waiter::Waiter;
    bool is_refused = false;  // the channel was closed; guarded by its lock until notified
  };

  ~MpscChannel();

  bool has_limit() const noexcept { return capacity_ != kNoLimit; }
  bool no_more_comes() const noexcept { return (is_closed_ || senders_ == 0) && promised_ == 0; }
  void lock() noexcept { base::ShortLock::lock(lock_); }
  void unlock() noexcept { base::ShortLock::unlock(lock_); }
  void wait_for_place(task::Task* self);
  inline void deposit(void* value);
  inline void deposit_bytes(void* value);
  void make_room();
  void deposit_message(void* value);
  inline void append_bytes(void* value) noexcept;
  void push_promised(sync::Message* message) noexcept;
  void return_place(sync::Message* message) noexcept;
  inline sync::Waiter* free_place() noexcept;
  bool has_queued() const noexcept { return is_bytes_ ? !values_.is_empty() : !queue_.is_empty(); }
  inline bool receive_within(void* to, base::Nanos limit);
  inline bool receive_taken(void* to);
  inline void take_first(void* to);
  void unpack(sync::Message* message, void* to);
  void count_pushed() noexcept { pushed_.store(pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  void count_popped() noexcept { popped_.store(popped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  void drop_owner() noexcept;
  void close_and_unlock() noexcept;

  const ValueType& type_;
  const std::uint64_t capacity_;
  const bool is_bytes_;  // values lie in blocks; otherwise each in a message of its own
  std::atomic<std::uint32_t> lock_{0};

  // Guarded by lock_.
  bool is_closed_ = false;
  bool receiver_has_gone_ = false;
  std::uint64_t free_;
  std::uint64_t promised_ = 0;
  std::uint64_t senders_ = 1;
  std::uint64_t owners_ = 2;
  WaiterEnds receiving_;  // the receiver: at most one
  WaiterEnds sending_;    // for a place
  sync::ValueBlocks values_;
  std::atomic<std::uint64_t> pushed_{0};  // values ever appended; read anywhere
  sync::Messages queue_;
  sync::SpareMessages spare_;
  WaiterEnds awaiting_close_;

  // The receiver's alone. Without a limit it takes all that is there at once, and needs no lock for some time.
  alignas(64) sync::ValueBlocks taken_values_;
  std::atomic<std::uint64_t> popped_{0};  // values ever received; read anywhere
  sync::Messages taken_;
  sync::SpareMessages emptied_;  // messages whose values were moved out, on their way to spare_
};

}  // namespace runtime::inline v1::detail
