#pragma once

#include "blocking/job.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::detail {

/// A task that runs on a pool thread: sits in the tail of its cell.
class BlockingTask final : public blocking::Job {
 public:
  explicit BlockingTask(task::Task& task) noexcept : task_(task) {}

  void run() noexcept override;
  void cancel() noexcept override;

 private:
  task::Task& task_;
};

/// Queues the closure for the pool, or ends it as cancelled when the pool is closed.
/// Throws: std::system_error when no thread can be had; the closure has been destroyed then.
void launch_blocking(task::Task& task);

}  // namespace runtime::inline v1::detail
