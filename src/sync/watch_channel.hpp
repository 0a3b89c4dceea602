#pragma once

#include <atomic>
#include <cstdint>

#include <runtime/detail/raw_watch.hpp>

#include "base/short_lock.hpp"
#include "sync/message.hpp"
#include "sync/wait_list.hpp"

namespace runtime::inline v1::detail {

/// The latest value, counted in versions.
///
/// Whoever looks at a value uses its message, which stays until the last user has gone, also when a later one has
/// displaced it. So code of the user's never runs under the lock, and no sender waits for those who look.
/// Thread safety: any thread. Owns: the messages. Owned by: sender and receivers together.
class WatchChannel final {
 public:
  /// Throws: what the move throws; std::bad_alloc.
  WatchChannel(const ValueType& type, void* first);

  void send(void* value);
  void replace(void* value, void* former);
  bool wait_for_change(std::uint64_t& seen);
  bool has_changed(std::uint64_t seen) noexcept;

  /// The present message, in use; `seen` becomes its version.
  sync::Message& use(std::uint64_t& seen) noexcept;
  void leave(sync::Message& message) noexcept;
  const void* value_of(sync::Message& message) const noexcept { return message.value(type_); }

  /// The version a new receiver has seen.
  std::uint64_t add_receiver() noexcept;
  void copy_receiver() noexcept;
  void drop_receiver() noexcept;
  void drop_sender() noexcept;
  bool has_receivers() noexcept;

 private:
  ~WatchChannel();

  sync::Message* pack(void* value);
  void publish(base::ShortLock& guard, sync::Message& message) noexcept;
  void wait_for_users(sync::Message& displaced);
  void drop_owner() noexcept;

  const ValueType& type_;
  std::atomic<std::uint32_t> lock_{0};
  // Guarded by lock_.
  sync::Message* current_ = nullptr;
  std::uint64_t version_ = 0;
  std::uint64_t receivers_ = 0;
  std::uint64_t owners_ = 1;
  bool has_sender_ = true;
  sync::SpareMessages spare_;
  WaiterEnds awaiting_change_;
  WaiterEnds awaiting_users_;  // senders who want a former value for themselves
};

}  // namespace runtime::inline v1::detail
