#pragma once

#include <cstdint>
#include <vector>

#include "clock.hpp"

namespace bench {

/// N tasks that do nothing but yield K times each; the same for every runtime that is measured.
///
/// The clock runs from the start of the last task to the end of the first, so that neither the making of the tasks nor
/// their end is in the figure: every yield between the two points is one of N tasks that are all ready.
///
/// Thread safety: the tasks share one thread.
class YieldRound {
 public:
  YieldRound(std::uint64_t tasks, std::uint64_t yields_each) : tasks_(tasks), yields_each_(yields_each) {}

  /// The body of each task; `yield` is how its runtime gives way.
  template <class Yield>
  void run_task(Yield yield) {
    if (++started_ == tasks_) {
      stopwatch_.start();
    }
    for (std::uint64_t i = 0; i < yields_each_; ++i) {
      yield();
    }
    if (++finished_ == 1) {
      stopwatch_.stop();
    }
  }

  /// All of the round: makes each task by `spawn(body)`, and joins them.
  template <class Spawn, class Yield>
  void run(Spawn spawn, Yield yield) {
    auto body = [this, yield] { run_task(yield); };
    std::vector<decltype(spawn(body))> all;
    all.reserve(tasks_);
    for (std::uint64_t i = 0; i < tasks_; ++i) {
      all.push_back(spawn(body));
    }
    for (auto& task : all) {
      task.join();
    }
  }

  double nanoseconds_per_yield() const {
    // When the last task starts, each of the others has made its first yield.
    return stopwatch_.nanoseconds_per((yields_each_ - 1) * tasks_);
  }

  /// How often each task yields so that all together yield about `total` times, and enough to measure at all.
  static std::uint64_t yields_each(std::uint64_t tasks, std::uint64_t total) {
    const std::uint64_t share = total / tasks;
    return share < 20 ? 20 : share;
  }

 private:
  std::uint64_t tasks_;
  std::uint64_t yields_each_;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  CpuStopwatch stopwatch_;
};

}  // namespace bench
