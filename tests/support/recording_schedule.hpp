#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "task/park.hpp"
#include "task/schedule.hpp"
#include "task/task.hpp"

namespace test {

/// A scheduler that runs nothing: it writes down what it was asked for. Made on the thread that is to be the owner.
class RecordingSchedule final : public runtime::task::Schedule {
 public:
  using Task = runtime::task::Task;

  explicit RecordingSchedule(const void* context = nullptr) : Schedule(context) {}

  void schedule(Task& task) noexcept override {
    task.phase = runtime::task::Phase::ready;
    scheduled.push_back(&task);
  }
  void schedule_remote(Task& task) noexcept override {
    const std::lock_guard lock(mutex_);
    remote_.push_back(&task);
  }
  void suspend(Task& running) noexcept override {
    running.phase = runtime::task::Phase::parked;
    ++suspends;
    on_suspend();
    running.phase = runtime::task::Phase::running;
  }
  void yield(Task&) noexcept override { ++yields; }
  void recycle(Task& task) noexcept override {
    const std::lock_guard lock(mutex_);
    recycled_.push_back(&task);
  }
  void hold_memory() noexcept override { ++holds; }
  void unhold_memory() noexcept override { --holds; }
  void report_unhandled(Task& task) noexcept override {
    const std::lock_guard lock(mutex_);
    unhandled_.push_back(&task);
  }

  std::vector<Task*> remote() const { return copy(remote_); }
  std::vector<Task*> recycled() const { return copy(recycled_); }
  std::vector<Task*> unhandled() const { return copy(unhandled_); }

  std::vector<Task*> scheduled;  // owner thread, as what follows
  std::function<void()> on_suspend = [] {};
  int suspends = 0;
  int yields = 0;
  int holds = 0;

 private:
  std::vector<Task*> copy(const std::vector<Task*>& tasks) const {
    const std::lock_guard lock(mutex_);
    return tasks;
  }

  mutable std::mutex mutex_;
  std::vector<Task*> remote_, recycled_, unhandled_;  // guarded by mutex_
};

/// While it lives, this thread runs that task, as far as task::current() knows.
class Running {
 public:
  explicit Running(runtime::task::Task& task) : before_(runtime::task::thread_state.running) {
    runtime::task::thread_state.running = &task;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { runtime::task::thread_state.running = before_; }

 private:
  runtime::task::Task* before_;
};

}  // namespace test
