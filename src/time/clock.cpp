#include <runtime/time/clock.hpp>

#include <runtime/error.hpp>
#include <runtime/task.hpp>

#include "context/context.hpp"
#include "task/park.hpp"
#include "time/now.hpp"

namespace runtime::inline v1 {

namespace time {
namespace {

// The runtime whose clock the calling code may stop and move.
const context::Context& owned_context(const char* what) {
  if (const task::Task* task = task::parkable()) return context::of(*task);
  const context::Context* context = context::current();
  if (context == nullptr) {
    throw Error(Errc::no_runtime, std::string(what) + " outside a runtime: call it inside block_on(), in a task, or while "
                                                      "an EnterGuard of the owner thread lives");
  }
  if (!context->driver->is_owner()) {
    throw Error(Errc::wrong_thread, std::string(what) + " on a thread that does not own the runtime: call it on the thread "
                                                        "that built it");
  }
  return *context;
}

// The same, and the clock is paused.
driver::Clock& paused_clock(const char* what) {
  driver::Clock& clock = owned_context(what).driver->clock;
  if (!clock.is_paused()) {
    throw Error(Errc::invalid_argument, std::string(what) + " while the clock is not paused: call time::pause() first");
  }
  return clock;
}

}  // namespace

Clock::time_point Clock::now() noexcept { return time_point(duration(time::now())); }

void pause() {
  driver::Clock& clock = owned_context("time::pause()").driver->clock;
  if (clock.is_paused()) {
    throw Error(Errc::invalid_argument, "time::pause() while the clock is paused already: call time::resume() first");
  }
  clock.pause();
}

void resume() { paused_clock("time::resume()").resume(); }

}  // namespace time

namespace detail {

void advance_nanos(Nanos duration) {
  if (duration < 0) throw Error(Errc::invalid_argument, "time::advance() takes a duration of zero or more");
  driver::Clock& clock = time::paused_clock("time::advance()");
  task::Task* task = task::parkable();
  if (task != nullptr) task::throw_if_cancelled(*task);
  clock.advance_to(clock.deadline_after(duration));
  // Outside the loop there is nobody to give way to; the timers are looked at when it runs again.
  if (task == nullptr) return;
  context::of(*task).driver->fire_timers();
  yield_now();
}

}  // namespace detail
}  // namespace runtime::inline v1
