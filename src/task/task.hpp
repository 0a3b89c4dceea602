#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>

#include <runtime/detail/cell.hpp>

#include "base/assert.hpp"
#include "fiber/fiber.hpp"
#include "task/schedule.hpp"

namespace runtime::inline v1::task {

class JoinWaiter;
struct Attributes;

/// Where a task is. Written on the owner thread only (a blocking closure: by the thread that has it).
enum class Phase : std::uint8_t {
  draft,    // allocated; in no queue
  ready,    // in the run queue, the yield queue or the inject queue
  running,  // on its thread
  parked,   // somebody who will have news knows of it
  ended,    // its result is stored
};

enum class Kind : std::uint8_t {
  fiber,     // runs on a fiber of the owner thread
  child,     // the same, of a scope that waits for it: see children.hpp
  branch,    // the same, but as part of the task that selects: counted nowhere, see branch.hpp
  root,      // the code inside block_on, on the caller's own stack
  blocking,  // runs on a pool thread, without a fiber
};

/// Who knows of the exception that a task has ended with. Guarded by the mutex of the runtime's list of them
/// (scheduler/failures.hpp), but may be read without: `heard` is for good.
enum class Failure : std::uint8_t {
  unheard,  // nobody; or there is none
  kept,     // the list: somebody may still receive it
  telling,  // it is being reported, at the end of the runtime
  heard,    // it has been received or reported
};

/// The unit that is scheduled, joined and cancelled; first part of the cell that holds the closure.
///
/// Thread safety: owner thread, except the atomic members and what is constant after launch.
/// Owns: its closure or result. Its memory is shared: see `joiner` and `references`.
class alignas(64) Task final {
 public:
  static constexpr std::size_t kWord = 8;
  /// Bytes to the first that a body may have: the last word of the task, for the many closures that capture one pointer
  /// or less and give nothing back. What is aligned to more than a word begins behind it.
  static constexpr std::size_t kBodyBegin = 120;
  /// Bytes from there to the body.
  static constexpr std::size_t lead_of(std::size_t align) noexcept { return align > kWord ? kWord : 0; }

  Task() noexcept {}  // not defaulted, so that Task() leaves the body's place alone
  /// Of a pool's cell, with everything that most tasks have, so that each word is written once.
  Task(Schedule& schedule, const detail::CellTable& table, std::uint16_t size_class, std::uint64_t id, const char* file,
       std::uint32_t line) noexcept
      : schedule(&schedule), lead(static_cast<std::uint8_t>(lead_of(table.align))), size_class(size_class),
        spawn_line(line), table(&table), id(id), spawn_file(file) {}

  // First cache line: what scheduling touches.
  Task* next_ready = nullptr;          // link of the run and the yield queue
  fiber::Fiber* fiber = nullptr;       // from the first resume to the end; the root's own
  Schedule* schedule = nullptr;
  union {
    std::uint64_t yield_position = 0;  // in the yield queue: how much of the run queue goes first
    Task* previous_failed;             // in the list of failures, with next_ready: it is ready no more
  };
  Phase phase = Phase::draft;
  Kind kind = Kind::fiber;
  bool closing = false;                // the closure has returned; its captures may still park
  bool has_result = false;
  bool boxed = false;                  // the body is a block of its own
  std::atomic<Failure> failure{Failure::unheard};
  std::uint8_t cancels_delivered = 0;  // suspension points that have ended as cancelled; counts up to kCancelPatience
  std::uint8_t lead = 0;               // lead_of() the body, or the pointer to it
  std::uint16_t size_class = 0;        // of the cell's memory; 0: from the heap
  std::uint8_t attributes_at = 0;      // words from `room` to the pointer to them; 0: none
  std::atomic<std::uint32_t> signals{0};     // kCancelRequested, …; any thread
  std::atomic<std::uint32_t> references{1};  // 1 for runtime and join handle together, more for others; any thread
  std::uint32_t spawn_line = 0;

  /// Who joins: null, a waiter, kDetached (no handle is left) or kEnded. Whoever comes second of the runtime, ending
  /// the task, and the join handle, going away, gives up the common reference.
  std::atomic<JoinWaiter*> joiner{nullptr};

  // Second cache line: what spawning and ending touch.
  Task* owned_previous = nullptr;
  Task* owned_next = nullptr;
  Task* next_injected = nullptr;       // link of the inject queue; guarded by kInjected
  const detail::CellTable* table = nullptr;
  std::exception_ptr exception;
  std::uint64_t id = 0;
  const char* spawn_file = "";
  alignas(kWord) std::byte room[kWord];  // the cell goes on behind it

  static constexpr std::uint32_t kCancelRequested = 1;
  static constexpr std::uint32_t kInjected = 2;
  static constexpr std::uint32_t kScopeCancelled = 4;  // some scope inside has been cancelled: look which

  static constexpr std::uint8_t kCancelPatience = 16;  // see deliver_cancellation()

  void* body() noexcept { return boxed ? *static_cast<void**>(place()) : place(); }
  /// Where the body is, or the pointer to it. No array's bounds: it may reach to the end of the cell.
  void* place() noexcept { return reinterpret_cast<std::byte*>(this) + kBodyBegin + lead; }
  bool has_attributes() const noexcept { return attributes_at != 0; }
  /// Owned; null: no name, the default stack. The table is not asked: when the cell goes, its library may have gone.
  /// (Of a boxed body its alignment is asked even then.)
  Attributes* attributes() const noexcept { return has_attributes() ? *attributes_slot() : nullptr; }
  /// Once, not null; of a task whose `table` and `boxed` are set.
  void set_attributes(Attributes* attributes) noexcept {
    attributes_at = static_cast<std::uint8_t>(size_before_tail(*table, boxed, false) / kWord);
    *attributes_slot() = attributes;
  }
  /// Of the cell, behind all that: what whoever drafted the task has asked for. Aligned to a word.
  void* tail() noexcept {
    return reinterpret_cast<std::byte*>(this) + kBodyBegin + size_before_tail(*table, boxed, has_attributes());
  }
  /// Bytes that body and attributes take, from `kBodyBegin` on.
  static std::size_t size_before_tail(const detail::CellTable& table, bool boxed, bool has_attributes) noexcept {
    const std::size_t body = boxed ? sizeof(void*) : lead_of(table.align) + static_cast<std::size_t>(table.body_size);
    return (body + kWord - 1) / kWord * kWord + (has_attributes ? sizeof(Attributes*) : 0);
  }
  void drop_closure() noexcept {
    if (table->drop_closure != nullptr) table->drop_closure(body());
  }
  /// There is something for drop_outcome() to do.
  bool has_outcome() const noexcept { return exception != nullptr || (has_result && table->drop_result != nullptr); }
  /// What nobody will take: reports an exception that was never received, destroys a result. The code of the result's
  /// destructor may wait, so this is called where that is possible.
  void drop_outcome() noexcept {
    if (RUNTIME_UNLIKELY(has_outcome())) drop_outcome_now();
  }

  void* result_slot() noexcept { return static_cast<std::byte*>(body()) + table->result_offset; }

  bool is_cancel_requested() const noexcept {
    return (signals.load(std::memory_order_relaxed) & kCancelRequested) != 0;
  }
  std::string_view name() const noexcept;

  void add_reference() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
  /// The last one gives the memory back. No code of the user's runs: closure and outcome have gone before.
  void drop_reference() noexcept {
    // A reference that nobody else can see needs no read-modify-write: that is every task joined and forgotten.
    if (references.load(std::memory_order_acquire) == 1 ||
        references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      destroy();
    }
  }

  /// Keeps the task's memory for a while, also the root's, which is part of its scheduler's.
  void hold() noexcept {
    kind == Kind::root ? schedule->hold_memory() : add_reference();
  }
  void unhold() noexcept {
    kind == Kind::root ? schedule->unhold_memory() : drop_reference();
  }

  /// Asks the task to end. Any thread.
  void abort() noexcept;
  bool is_finished() const noexcept;

 private:
  Attributes** attributes_slot() const noexcept {
    auto* const begin = reinterpret_cast<std::byte*>(const_cast<Task*>(this)) + kBodyBegin;
    return reinterpret_cast<Attributes**>(begin + attributes_at * kWord);
  }
  void drop_outcome_now() noexcept;
  void destroy() noexcept;
  void free_belongings() noexcept;
};

/// What only some tasks have.
struct Attributes {
  std::size_t stack_size;  // 0: the runtime's default
  std::size_t name_size;

  const char* name() const noexcept { return reinterpret_cast<const char*>(this + 1); }  // stored behind
};

static_assert(sizeof(Task) == 128, "a million tasks are waiting for every byte");
static_assert(offsetof(Task, room) == Task::kBodyBegin && Task::kBodyBegin + Task::kWord == sizeof(Task));

inline std::string_view Task::name() const noexcept {
  const Attributes* const known = attributes();
  return known != nullptr ? std::string_view(known->name(), known->name_size) : std::string_view();
}

}  // namespace runtime::inline v1::task
