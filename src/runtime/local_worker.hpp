#pragma once

#include <atomic>
#include <cstddef>
#include <future>
#include <optional>
#include <thread>

#include <runtime/builder.hpp>
#include <runtime/handle.hpp>

#include "task/task.hpp"

namespace runtime::inline v1::detail {

/// A thread with a LocalRuntime that does what it is sent, until it is asked to stop.
///
/// Thread safety: the thread that owns it, except `load` and handle(). Does not move: its thread knows it.
class LocalWorker final {
 public:
  LocalWorker() = default;
  LocalWorker(const LocalWorker&) = delete;
  LocalWorker& operator=(const LocalWorker&) = delete;

  /// Throws: std::system_error when there can be no thread, std::bad_alloc.
  void start(const Builder& builder);
  /// Throws: what building the runtime threw.
  void wait_until_ready();
  /// Does nothing to one that has not become ready.
  void ask_to_stop() noexcept;
  /// Until the runtime is shut down and the thread has ended, if there is one.
  void join() noexcept;

  /// Once it is ready. Any thread.
  const Handle& handle() const noexcept { return *handle_; }
  bool is_this_thread() const noexcept { return thread_.get_id() == std::this_thread::get_id(); }

  std::atomic<std::size_t> load{0};  // tasks that have not ended; any thread

 private:
  void run(Builder builder, std::promise<Handle> ready) noexcept;

  std::thread thread_;
  std::future<Handle> becomes_ready_;
  std::optional<Handle> handle_;
  task::Task* root_ = nullptr;      // set before it is ready; its memory is the handle's
  std::atomic<bool> stopped_{false};
};

}  // namespace runtime::inline v1::detail
