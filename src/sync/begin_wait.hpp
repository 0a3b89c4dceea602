#pragma once

#include "base/clock.hpp"
#include "task/park.hpp"
#include "time/now.hpp"

// How every wait of this floor begins and, when there is nothing to wait for, ends.

namespace runtime::inline v1::sync {

/// The running task, if it can park. Throws: Cancelled.
inline task::Task* begin_wait() {
  task::Task* self = task::parkable();
  if (self != nullptr) task::throw_if_cancelled(*self);
  return self;
}

/// A wait that had nothing to wait for costs one unit of the cooperative budget. No lock is held here, and what was
/// waited for has been taken.
inline void completed_at_once(task::Task* self) noexcept {
  if (self != nullptr) self->schedule->spend_budget(*self);
}

/// `call` is its name. Throws: Error invalid_argument for a negative limit, time_disabled.
void check_limit(base::Nanos limit, const char* call);

/// When a wait that begins now is to end, on the clock that the waiter parks by; kForever stays.
inline base::Nanos deadline_of(base::Nanos limit) noexcept {
  if (limit == base::kForever) return base::kForever;
  return task::parkable() != nullptr ? time::deadline_after(limit) : base::deadline_after(limit);
}

/// Errc::closed, for sending ends and semaphores.
[[noreturn]] void throw_closed(const char* sentence);
[[noreturn]] void throw_misuse(const char* sentence);
[[noreturn]] void throw_would_deadlock(const char* sentence);

}  // namespace runtime::inline v1::sync
