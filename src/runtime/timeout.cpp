#include <runtime/timeout.hpp>

#include <new>

#include "base/clock.hpp"
#include "context/context.hpp"
#include "driver/driver.hpp"
#include "driver/timer.hpp"
#include "runtime/current_fiber.hpp"
#include "task/cancel_scope.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::detail {

class Deadline::Impl final {
 public:
  Impl(task::Task& task, base::Nanos deadline) noexcept
      : scope(task), driver_(*context::of(task).driver), timer_(task, deadline, &scope) {
    if (deadline != base::kForever) driver_.arm(timer_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { driver_.disarm(timer_); }

  task::CancelScope scope;

 private:
  driver::Driver& driver_;
  driver::Timer timer_;
};

Deadline::Deadline(Nanos limit) {
  static_assert(sizeof(Impl) <= sizeof storage_ && alignof(Impl) <= 8);
  task::Task& task = fiber_of_caller("timeout()");
  if (limit < 0) throw Error(Errc::invalid_argument, "timeout() takes a duration of zero or more");
  time::require_timers("timeout()");
  ::new (static_cast<void*>(storage_)) Impl(task, limit == base::kForever ? base::kForever : time::deadline_after(limit));
}

Deadline::~Deadline() { impl().~Impl(); }

Deadline::Impl& Deadline::impl() noexcept { return *std::launder(reinterpret_cast<Impl*>(storage_)); }

void Deadline::translate() {
  if (impl().scope.is_target()) throw Elapsed();
  throw;
}

}  // namespace runtime::inline v1::detail
