#pragma once

#include <atomic>
#include <cstdint>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

namespace sync {
class Waiter;
}

namespace detail {

/// The two ends of a list of waiters, whose links are in the waiters' own frames.
struct WaiterEnds {
  sync::Waiter* first = nullptr;
  sync::Waiter* last = nullptr;
};

/// Reports that a primitive goes while somebody waits in it, and ends the program.
[[noreturn]] RUNTIME_API void destroyed_while_awaited() noexcept;

/// Who waits in one of the primitives, in the order they came: fibers of any runtime and plain threads alike. The library
/// alone reads and writes it; it is here for its size.
class WaitQueue {
 public:
  constexpr WaitQueue() noexcept = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;
  ~WaitQueue() {
    if (waiters.first != nullptr) destroyed_while_awaited();
  }

  std::atomic<std::uint32_t> lock{0};  // see base/short_lock.hpp
  WaiterEnds waiters;                  // guarded by lock
};

}  // namespace detail
}  // namespace v1
}  // namespace runtime
