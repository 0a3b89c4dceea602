#pragma once

#include "base/clock.hpp"

namespace runtime::inline v1::driver {
class Clock;
}

namespace runtime::inline v1::time {

/// The clock that the calling code lives by: on a fiber that of its runtime, elsewhere that of the runtime the thread has
/// entered. Null: there is none, and CLOCK_MONOTONIC is meant.
driver::Clock* current_clock() noexcept;

/// On that clock.
base::Nanos now() noexcept;
/// Now + duration; a duration too long to add never ends.
base::Nanos deadline_after(base::Nanos duration) noexcept;

/// Throws: Error time_disabled on a fiber whose runtime was built without timers. `what` names the call.
void require_timers(const char* what);

}  // namespace runtime::inline v1::time
