#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <string>

#include <runtime/unhandled_exception.hpp>

#include "base/linked_list.hpp"
#include "task/task.hpp"
#include "task/unhandled.hpp"

namespace runtime::inline v1::scheduler {

/// The exceptions that tasks of one runtime have ended with and that nobody has received, and what is done about those
/// that nobody can.
///
/// A task that ends with an exception is kept in a list, so that it can be told of at shutdown should its join handle
/// still be there, unused. A task that ends in any other way never comes here. The list's links lie in the task, which
/// leaves it before its exception is destroyed.
/// Thread safety: any thread.
class Failures final {
 public:
  explicit Failures(UnhandledException policy) noexcept : policy_(policy) {}
  Failures(const Failures&) = delete;
  Failures& operator=(const Failures&) = delete;

  /// The task's closure is destroyed, its exception stored, and its end not yet published.
  void keep(task::Task& task) noexcept;
  /// Somebody joins the task and gets the exception.
  void receive(task::Task& task) noexcept;
  /// Nobody will. True: this is what the runtime is to be stopped for; see cause(). `may_stop` is false when it stops
  /// anyway: then it is told on stderr.
  [[nodiscard]] bool give_up(task::Task& task, bool may_stop) noexcept;
  /// The same for an exception that a part of a task ended with while the task goes on.
  [[nodiscard]] bool lose(const task::Unhandled& unhandled, bool may_stop) noexcept { return act(unhandled, may_stop); }
  /// The same for all that are kept, at the end of the shutdown.
  void give_up_kept() noexcept;
  /// The same for the current exception, which a hook has thrown.
  [[nodiscard]] bool hook_threw(const char* hook, bool may_stop) noexcept;

  bool has_cause() const noexcept { return has_cause_.load(std::memory_order_acquire); }
  /// Why the runtime stops, for whoever is told by an Error. After has_cause(). Throws: std::bad_alloc.
  std::string cause();
  /// At the end of the shutdown: writes the cause to stderr if it was never asked for.
  void tell_cause() noexcept;

 private:
  using Kept = base::LinkedList<task::Task, &task::Task::previous_failed, &task::Task::next_ready>;

  void take_out(task::Task& task) noexcept;
  bool act(const task::Unhandled& unhandled, bool may_stop) noexcept;
  bool become_cause(const task::Unhandled& unhandled) noexcept;

  const UnhandledException policy_;
  std::mutex mutex_;
  Kept kept_;                            // guarded by mutex_, as is Task::failure
  std::exception_ptr left_to_teller_;    // guarded by mutex_
  std::string cause_;                    // guarded by mutex_
  bool cause_told_ = false;              // guarded by mutex_
  std::atomic<bool> has_cause_{false};   // written under mutex_
};

}  // namespace runtime::inline v1::scheduler
