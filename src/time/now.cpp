#include "time/now.hpp"

#include <string>

#include <runtime/error.hpp>

#include "context/context.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::time {

driver::Clock* current_clock() noexcept {
  const task::Task* task = task::parkable();
  const context::Context* context = task != nullptr ? &context::of(*task) : context::current();
  return context != nullptr ? &context->driver->clock : nullptr;
}

base::Nanos now() noexcept {
  const driver::Clock* clock = current_clock();
  return clock != nullptr ? clock->now() : base::monotonic_now();
}

base::Nanos deadline_after(base::Nanos duration) noexcept {
  const driver::Clock* clock = current_clock();
  return clock != nullptr ? clock->deadline_after(duration) : base::deadline_after(duration);
}

void require_timers(const char* what) {
  const task::Task* task = task::parkable();
  if (task == nullptr || context::of(*task).has_time) return;
  throw Error(Errc::time_disabled,
              std::string(what) + " in a runtime without timers: build it with Builder::enable_time(true)");
}

}  // namespace runtime::inline v1::time
