#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace runtime::inline v1::blocking {

/// How long a pool thread without work looks for some before it sleeps. To wake a thread that sleeps takes tens of
/// microseconds where its processor has to be woken too, so a thread whose last pause was shorter than that does not
/// sleep in the next one before as much time has gone.
inline constexpr base::Nanos kShortPause = 50'000;

/// A pool thread that has nothing to do; lives on its stack for one pause.
///
/// Thread safety: wait() by the thread, rouse() by any, once; the rest is guarded by the pool's lock.
class IdleThread final {
 public:
  IdleThread() noexcept = default;
  IdleThread(const IdleThread&) = delete;
  IdleThread& operator=(const IdleThread&) = delete;

  /// Returns when roused, or at the deadline. `looks_until`: sleeps not before that moment.
  void wait(base::Nanos looks_until, base::Nanos deadline) noexcept;
  /// The thread may go on, and this object be gone, before it returns.
  void rouse() noexcept;

  // Guarded by the pool's lock.
  IdleThread* next = nullptr;  // the one that has been idle for longer
  bool is_listed = true;       // nobody has decided to rouse it
  bool is_granted = false;     // roused because a job was promised to it

 private:
  enum State : std::uint32_t { looking, asleep, roused };
  std::atomic<std::uint32_t> state_{looking};
};

}  // namespace runtime::inline v1::blocking
