#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <boost/context/detail/fcontext.hpp>

#include "clock.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace bench {

/// The floor of every switch: two contexts that do nothing but hand over to each other.
///
/// Owns: the second context's stack. Nothing lives on it, so it may go while that context is stopped.
/// Thread safety: one thread.
class RawSwitch {
 public:
  RawSwitch() : stack_(new std::byte[kStackBytes]) {
    other_ = boost::context::detail::make_fcontext(stack_.get() + kStackBytes, kStackBytes, &echo);
  }

  /// Makes `switches` one-way switches (rounded up to an even number).
  void run(std::uint64_t switches) {
    for (std::uint64_t made = 0; made < switches; made += 2) {
      other_ = boost::context::detail::jump_fcontext(other_, nullptr).fctx;
    }
  }

  /// One short slice of it.
  double nanoseconds_per_switch() {
    constexpr std::uint64_t kSwitches = 500'000;
    run(1000);  // touches the stack's page and fills the caches
    CpuStopwatch stopwatch;
    stopwatch.start();
    run(kSwitches);
    stopwatch.stop();
    return stopwatch.nanoseconds_per(kSwitches);
  }

 private:
  static void echo(boost::context::detail::transfer_t from) {
    for (;;) {
      from = boost::context::detail::jump_fcontext(from.fctx, nullptr);
    }
  }

  static constexpr std::size_t kStackBytes = 16 * 1024;
  std::unique_ptr<std::byte[]> stack_;
  boost::context::detail::fcontext_t other_;
};

/// Prints the raw jump beside a floor that is something else: goals that are times are scaled by it.
inline void raw_jump_figure() {
  RawSwitch raw;
  figure("jump", least(in_slices([&raw] { return raw.nanoseconds_per_switch(); })), "ns");
}

}  // namespace bench
