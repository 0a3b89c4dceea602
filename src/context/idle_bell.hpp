#pragma once

#include <atomic>

#include "blocking/pool.hpp"
#include "context/context.hpp"
#include "driver/driver.hpp"

namespace runtime::inline v1::context {

/// True while a job is queued or runs. To be asked before one looks for what jobs have woken.
inline bool has_blocking_work(const Context& context) noexcept {
  const auto counts = context.pool->counts();
  return counts.queued + counts.running != 0;
}

/// Ends the sleep of a thread whose paused clock waits for the pool: nobody else would tell it that the last job has
/// ended, since the job has woken its waiter before.
///
/// Thread safety: owner thread. Borrows: driver and pool.
class IdleBell final : private blocking::Pool::IdleListener {
 public:
  explicit IdleBell(const Context& context) noexcept : driver_(*context.driver), pool_(*context.pool) {}
  IdleBell(const IdleBell&) = delete;
  IdleBell& operator=(const IdleBell&) = delete;
  ~IdleBell() {
    if (listening_) static_cast<void>(pool_.listen_for_idle(nullptr));
  }

  /// True: the pool has nothing to do, and the bell will not ring.
  bool listen() noexcept {
    listening_ = !pool_.listen_for_idle(this);
    return !listening_;
  }
  bool has_rung() const noexcept { return rung_.load(std::memory_order_seq_cst); }

 private:
  void pool_idle() noexcept override {
    rung_.store(true, std::memory_order_seq_cst);  // before unpark() looks: the sleeper asks has_rung() once it is heard
    driver_.unpark();
  }

  driver::Driver& driver_;
  blocking::Pool& pool_;
  bool listening_ = false;
  std::atomic<bool> rung_{false};
};

}  // namespace runtime::inline v1::context
