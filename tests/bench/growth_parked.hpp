#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>

#include <runtime/runtime.hpp>

#include "memory.hpp"
#include "report.hpp"

namespace bench {

/// N tasks, each parked on a Notify of its own: what a program looks like that serves many and hears from few.
///
/// Made and destroyed in a task; destroying it ends them all. Owns: what they wait on. Thread safety: owner thread.
class Parked {
 public:
  explicit Parked(std::uint64_t tasks) : tasks_(tasks), news_(new runtime::sync::Notify[tasks]) {
    const Memory before = Memory::now();
    for (std::uint64_t i = 0; i < tasks; ++i) {
      (void)runtime::spawn_local([this, i] {
        while (!ending_) {
          ++turns_;
          news_[i].notified();
        }
        --alive_;
      });
      ++alive_;
    }
    // First come, first served: when this one has run, each of the others has had its turn.
    runtime::spawn_local([] {}).join();
    const Memory after = Memory::now();
    if (turns_ != tasks) {
      throw std::runtime_error("not every task has parked");
    }
    bytes_each_ = (grown(before.resident, after.resident) + grown(before.page_tables, after.page_tables)) /
                  static_cast<double>(tasks);
  }
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;
  ~Parked() {
    ending_ = true;
    for (std::uint64_t i = 0; i < tasks_; ++i) {
      news_[i].notify_one();
    }
    while (alive_ != 0) {
      runtime::yield_now();
    }
  }

  std::uint64_t size() const { return tasks_; }

  /// Lets one of them have a turn, and comes back when it has parked again.
  void wake(std::uint64_t task) {
    news_[task].notify_one();
    runtime::yield_now();
  }

  /// How often any of them has run.
  std::uint64_t turns() const { return turns_; }

  /// What each has added to the process.
  void memory_figure() const { figure("memory", bytes_each_, "B/task"); }

 private:
  const std::uint64_t tasks_;
  const std::unique_ptr<runtime::sync::Notify[]> news_;
  std::uint64_t turns_ = 0;
  std::uint64_t alive_ = 0;
  bool ending_ = false;
  double bytes_each_ = 0;
};

}  // namespace bench
