#include "task/task.hpp"

#include <new>

#include "base/sanitizer.hpp"
#include "task/join.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::task {

void Task::abort() noexcept {
  if (is_finished()) return;
  const std::uint32_t before = signals.fetch_or(kCancelRequested, std::memory_order_relaxed);
  // A blocking closure looks when a pool thread takes it; every other task is woken to look now.
  if ((before & kCancelRequested) == 0 && kind != Kind::blocking) wake(*this);
}

void Task::drop_outcome_now() noexcept {
  if (exception) {
    // Acquire: whoever made it `heard` has read the exception before. Pairs with scheduler/failures.cpp.
    if (failure.load(std::memory_order_acquire) != Failure::heard) schedule->report_unhandled(*this);
    base::happens_after(&failure);
    exception = nullptr;
  }
  if (has_result) {
    has_result = false;
    table->drop_result(body());
  }
}

void Task::destroy() noexcept {
  RUNTIME_ASSERT(!has_outcome());
  if (RUNTIME_UNLIKELY(boxed || has_attributes())) free_belongings();
  schedule->recycle(*this);
}

// What few have, so that the others need no frame for it.
[[gnu::noinline]] void Task::free_belongings() noexcept {
  if (has_attributes()) ::operator delete(attributes());
  if (boxed) ::operator delete(body(), std::align_val_t{table->align});
}

}  // namespace runtime::inline v1::task
