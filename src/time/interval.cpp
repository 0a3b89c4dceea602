#include <runtime/time/interval.hpp>

#include <cstdint>

#include <runtime/error.hpp>
#include <runtime/time.hpp>

#include "base/clock.hpp"
#include "time/now.hpp"

namespace runtime::inline v1::time {
namespace {

// Later than this a tick counts as missed; as in Tokio.
constexpr base::Nanos kMissed = 5'000'000;

base::Nanos sum(base::Nanos a, base::Nanos b) noexcept {
  base::Nanos result;
  return __builtin_add_overflow(a, b, &result) ? base::kForever : result;
}

// A tick was taken at `now` instead of `scheduled`, which is earlier: when does the next one come?
base::Nanos after_missed(MissedTickBehavior behavior, base::Nanos scheduled, base::Nanos now, base::Nanos period) noexcept {
  const auto late = static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(scheduled);
  switch (behavior) {
    case MissedTickBehavior::burst: return sum(scheduled, period);
    case MissedTickBehavior::delay: return sum(now, period);
    case MissedTickBehavior::skip: return sum(now, period - static_cast<base::Nanos>(late % static_cast<std::uint64_t>(period)));
  }
  __builtin_unreachable();
}

}  // namespace

Interval::Interval(detail::Nanos period) : Interval(time::now(), period) {}

Interval::Interval(detail::Nanos start, detail::Nanos period) : next_(start), period_(period) {
  if (period <= 0) throw Error(Errc::invalid_argument, "time::interval() takes a period above zero");
  require_timers("time::interval()");
}

Interval::Interval(Interval&&) noexcept = default;
Interval& Interval::operator=(Interval&&) noexcept = default;
Interval::~Interval() = default;

Clock::time_point Interval::tick() {
  const base::Nanos scheduled = next_;
  detail::sleep_until_nanos(scheduled);
  const base::Nanos now = time::now();
  next_ = now > sum(scheduled, kMissed) ? after_missed(behavior_, scheduled, now, period_) : sum(scheduled, period_);
  return Clock::time_point(Clock::duration(scheduled));
}

void Interval::reset() noexcept { next_ = time::deadline_after(period_); }

void Interval::reset_immediately() noexcept { next_ = time::now(); }

void Interval::reset_after_nanos(detail::Nanos d) {
  if (d < 0) throw Error(Errc::invalid_argument, "Interval::reset_after() takes a duration of zero or more");
  next_ = time::deadline_after(d);
}

}  // namespace runtime::inline v1::time
