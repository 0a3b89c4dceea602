#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <runtime/detail/cell.hpp>
#include <runtime/export.hpp>
#include <runtime/task_id.hpp>

namespace runtime {
inline namespace v1 {

namespace task {
class Task;
class Children;
}

namespace detail {

class Inner;

/// Nanoseconds, the one unit of time that crosses into the library.
using Nanos = std::int64_t;

/// How a task is to be made. `size` first, for growth.
struct SpawnRequest {
  enum Kind : std::uint32_t {
    local = 0,       // owner thread only
    any_thread = 1,  // moved to the owner thread, run there
    blocking = 2,    // run on the pool
  };
  std::uint32_t size;
  Kind kind;
  const CellTable* table;
  const char* file;
  std::uint32_t line;
  std::uint32_t name_size;
  const char* name;
  std::uint64_t stack_size;  // 0: the runtime's default
  task::Children* scope;     // that the task is a child of, on the scope's own runtime; null: none
};

/// The erased half of JoinHandle<T>.
///
/// Owns: the right to the task's result; the cell lives at least as long.
class RUNTIME_API RawJoinHandle final {
 public:
  RawJoinHandle() noexcept = default;
  explicit RawJoinHandle(task::Task* task) noexcept : task_(task) {}
  RawJoinHandle(RawJoinHandle&& other) noexcept
      : task_(std::exchange(other.task_, nullptr)), taken_(std::exchange(other.taken_, false)) {}
  RawJoinHandle& operator=(RawJoinHandle&& other) noexcept;
  ~RawJoinHandle() {
    if (task_ != nullptr) release();
  }

  void* take();                  // waits; the result's slot, or throws what the task ended with
  void* take_ended();            // the same for a task that is_finished(): no wait, so no suspension point
  void* take_borrowed();         // the same for a task that borrows from the caller: it has ended in any case
  void* take_for(Nanos limit);   // the same; null when the limit came first
  void wait();
  bool is_finished() const noexcept;
  void abort() noexcept;
  TaskId id() const noexcept;
  task::Task* share() const;     // one more reference, for an AbortHandle
  task::Task* task() const noexcept { return task_; }

 private:
  void release() noexcept;

  task::Task* task_ = nullptr;
  bool taken_ = false;
};

/// The erased half of AbortHandle.
///
/// Owns: a reference to the task's cell.
class RUNTIME_API RawAbortHandle {
 public:
  explicit RawAbortHandle(task::Task* task) noexcept : task_(task) {}
  RawAbortHandle(const RawAbortHandle& other) noexcept;
  RawAbortHandle& operator=(const RawAbortHandle& other) noexcept;
  ~RawAbortHandle();

  void abort() const noexcept;
  bool is_finished() const noexcept;
  TaskId id() const noexcept;

 private:
  task::Task* task_;
};

/// A cell that has been allocated and has no closure yet.
struct Draft {
  task::Task* task;
  void* body;
};

/// Makes a cell. A null `inner` means the current runtime.
/// Throws: Error no_runtime, wrong_thread (kind local elsewhere), shut_down is no error here: such a task is born
/// cancelled by launch(); std::bad_alloc.
RUNTIME_API Draft new_draft(Inner* inner, const SpawnRequest& request);
/// Hands the cell, its closure constructed, to the runtime. Throws std::system_error when a blocking closure can have
/// no thread; the closure is destroyed then.
RUNTIME_API RawJoinHandle launch(task::Task* task);
/// Gives a cell back whose closure could not be constructed.
RUNTIME_API void discard(task::Task* task) noexcept;

}  // namespace detail
}  // namespace v1
}  // namespace runtime
