#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <runtime/detail/raw_broadcast.hpp>

#include "base/clock.hpp"
#include "base/short_lock.hpp"
#include "sync/message.hpp"
#include "sync/wait_list.hpp"

namespace runtime::inline v1::detail {

/// A ring of the last messages, which every receiver walks at its own pace.
///
/// Message n lies at n modulo the size of the ring, until every receiver that was there has seen it or a later one
/// displaces it. Its value is copied without the lock, so its users are counted; the last one to let go destroys it.
/// Thread safety: any thread. Owns: the messages. Owned by: senders and receivers together.
class BroadcastChannel final {
 public:
  /// Throws: std::bad_alloc.
  BroadcastChannel(const ValueType& type, std::uint64_t size);

  std::uint64_t send(void* value);
  bool receive(std::uint64_t& position, void* to, base::Nanos limit, bool may_wait);

  void add_sender() noexcept;
  void drop_sender() noexcept;
  /// The position of the new receiver.
  std::uint64_t add_receiver() noexcept;
  void drop_receiver(std::uint64_t position) noexcept;

  std::uint64_t receivers() noexcept;
  std::uint64_t sent() noexcept;
  bool is_closed() noexcept;

 private:
  ~BroadcastChannel();

  sync::Message*& at(std::uint64_t position) noexcept { return ring_[position & (size_ - 1)]; }
  std::uint64_t oldest() const noexcept { return end_ > size_ ? end_ - size_ : 0; }
  std::uint64_t publish(base::ShortLock& guard, sync::Message* message) noexcept;
  bool see(sync::Message*& place) noexcept;
  void copy_out(base::ShortLock& guard, std::uint64_t position, void* to);
  void drop_owner() noexcept;

  const ValueType& type_;
  const std::uint64_t size_;  // a power of two
  const std::unique_ptr<sync::Message*[]> ring_;
  std::atomic<std::uint32_t> lock_{0};
  // Guarded by lock_, as what the ring holds.
  std::uint64_t end_ = 0;  // position of the next message
  std::uint64_t senders_ = 1;
  std::uint64_t receivers_ = 0;
  std::uint64_t owners_ = 1;
  sync::SpareMessages spare_;
  WaiterEnds receiving_;
};

}  // namespace runtime::inline v1::detail
