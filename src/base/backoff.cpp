#include "base/backoff.hpp"

#include <sched.h>
#include <time.h>

#include "base/clock.hpp"
#include "base/relax.hpp"
#include "base/system_error.hpp"

namespace runtime::inline v1::base {
namespace {

constexpr int kSpins = 100;  // one to three microseconds: longer than any holder of a short lock needs that is running
constexpr int kYields = 20;

}  // namespace

void Backoff::pause() noexcept {
  if (round_ < kSpins) {
    ++round_;
    return relax();
  }
  const ErrnoKeeper keeper;
  if (round_ < kSpins + kYields) {
    ++round_;
    ::sched_yield();
    return;
  }
  const timespec nap = to_timespec(50'000);
  ::nanosleep(&nap, nullptr);  // EINTR: whoever waits looks again
}

}  // namespace runtime::inline v1::base
