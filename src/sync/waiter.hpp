#pragma once

#include <atomic>
#include <cstdint>

#include <runtime/detail/wait_queue.hpp>

#include "base/clock.hpp"
#include "base/thread_parker.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"
#include "time/park_until.hpp"

namespace runtime::inline v1::sync {

/// What a dump says of a wait.
struct Reason {
  task::WaitFor what;
  const void* object;                                  // tells two of them apart
  const std::atomic<std::uint64_t>* holder = nullptr;  // see task::Waiting
};

/// One who waits in a primitive: a fiber of any runtime, or a plain thread. Lives in the waiter's frame.
///
/// Whoever has news takes it out of its list under the lock of the primitive, and calls notify() after unlocking. From
/// then on the waiter's frame may be gone, and the primitive with it. A waiter that gives up takes the lock: if it is
/// still listed it leaves, and nobody knows of it; if not, notify() is on its way, and it stays for that.
class Waiter {
 public:
  /// `self`: the running task, null on a thread without one (task::parkable()).
  explicit Waiter(task::Task* self) noexcept : task_(self) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// Waits for notify(). Otherwise the waiter may still be listed.
  time::WaitEnd park(const Reason& reason, base::Nanos deadline) noexcept;
  /// The same, deaf to cancellation, once notify() is sure to come.
  void park_certain(const Reason& reason) noexcept;
  /// Any thread, once, by whoever took the waiter out of its list.
  void notify() noexcept;

  Waiter* previous = nullptr;  // links, and with is_listed guarded by the lock of the primitive
  Waiter* next = nullptr;
  bool is_listed = false;

 private:
  task::Task* const task_;
  std::atomic<bool> notified_{false};  // of a fiber
  base::ThreadParker parker_;          // of a thread
};

}  // namespace runtime::inline v1::sync
