#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace runtime::inline v1::blocking {

/// How long a pool thread without work looks for some before it sleeps. To wake a thread that sleeps takes tens of
/// microseconds where its processor has to be woken too, so a thread whose last pause was shorter than that does not
/// sleep in the next one before as much time has gone.
inline constexpr base::Nanos kLook = 50'000;
/// Where there is one processor only, nobody could give it work while it looks: it naps. One that is woken there takes the
/// processor from its waker, has done its job before the next one comes, and has to be woken again for that. So whoever
/// has more jobs to submit before he sleeps rouses a napping thread in silence, and wakes it when he does sleep. However
/// long that takes, the nap ends by itself.
inline constexpr base::Nanos kNap = 500'000;

/// A pool thread that has nothing to do; lives on its stack for one pause.
///
/// Thread safety: look(), nap() and sleep() by the thread, one of rouse() and rouse_later() by any, once; wake() and
/// is_napping() any; what is marked is guarded by the pool's lock.
class IdleThread final {
 public:
  IdleThread() noexcept = default;
  IdleThread(const IdleThread&) = delete;
  IdleThread& operator=(const IdleThread&) = delete;

  /// Each returns when roused, also before, or at the deadline.
  void look(base::Nanos deadline) noexcept;
  void nap(base::Nanos deadline) noexcept { sleep_as(napping, deadline); }
  void sleep(base::Nanos deadline) noexcept { sleep_as(asleep, deadline); }

  /// The thread may go on, and this object be gone, before it returns.
  void rouse() noexcept;
  /// The same, but one that naps is woken by wake() with the answer, or when its nap is over. Null: it needs none.
  [[nodiscard]] const void* rouse_later() noexcept;
  /// Nobody need be there any more.
  static void wake(const void* napper) noexcept;
  bool is_napping() const noexcept { return state_.load(std::memory_order_relaxed) == napping; }

  // Guarded by the pool's lock.
  IdleThread* next = nullptr;  // the one that has been idle for longer
  bool is_listed = true;       // nobody has decided to rouse it
  bool is_granted = false;     // roused because a job was promised to it

 private:
  enum State : std::uint32_t { looking, napping, asleep, roused };
  void sleep_as(State state, base::Nanos deadline) noexcept;

  std::atomic<std::uint32_t> state_{looking};
};

}  // namespace runtime::inline v1::blocking
