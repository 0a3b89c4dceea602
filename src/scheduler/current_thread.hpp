#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/linked_list.hpp"
#include "base/mpsc_stack.hpp"
#include "context/context.hpp"
#include "context/idle_bell.hpp"
#include "driver/driver.hpp"
#include "fiber/float_state.hpp"
#include "fiber/overflow.hpp"
#include "fiber/stack_pool.hpp"
#include "fiber/switch.hpp"
#include "metrics/busy_clock.hpp"
#include "metrics/counter.hpp"
#include "scheduler/config.hpp"
#include "scheduler/failures.hpp"
#include "scheduler/inject_queue.hpp"
#include "scheduler/observer.hpp"
#include "scheduler/run_queue.hpp"
#include "task/cancel_scope.hpp"
#include "task/cell_pool.hpp"
#include "task/children.hpp"
#include "task/park.hpp"
#include "task/schedule.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::scheduler {

/// What a scheduler needs of whoever owns its memory: it has to stay while cells are out.
class MemoryOwner {
 public:
  virtual void add_reference() noexcept = 0;   // any thread
  virtual void drop_reference() noexcept = 0;  // any thread; may destroy the scheduler

 protected:
  ~MemoryOwner() = default;
};

/// Something that another thread wants done on the owner thread. Lives in the frame of whoever waits for it.
class OwnerCall {
 public:
  /// Owner thread, on the native stack, between two resumes; must not park. The call may be gone before it returns.
  virtual void run() noexcept = 0;

  OwnerCall* next_call = nullptr;

 protected:
  ~OwnerCall() = default;
};

/// The loop: which task runs next, and when the thread sleeps.
///
/// A fiber that parks, yields or ends goes straight to the next ready one. The native stack, on which block_on was
/// called, is entered only to look at the driver, to set up a stack, to destroy a task that never started, and when the
/// code that waits on it has its turn.
/// Thread safety: owner thread, except what Schedule says. Borrows: driver, context, owner.
class CurrentThread final : public task::Schedule {
 public:
  CurrentThread(const Config& config, driver::Driver& driver, const context::Context& context, MemoryOwner& owner);
  CurrentThread(const CurrentThread&) = delete;
  CurrentThread& operator=(const CurrentThread&) = delete;
  ~CurrentThread();

  // Making tasks. -----------------------------------------------------------------------------------------------------

  struct Draft {
    const detail::CellTable* table;
    task::Kind kind;
    bool local;                // owner thread, and to stay in its pool
    task::Attributes* attributes;  // taken over on success; may be null
    std::size_t tail;              // bytes of Task::tail(), for whoever drafts; of a child, its task::Child
    const char* file;
    std::uint32_t line;
  };
  /// A cell without a closure. Owner thread if local, else any. Throws: std::bad_alloc.
  task::Task& draft(const Draft& draft);
  /// A draft as most are: of a local task without attributes, whose body fits into a cell and has no tail, while nobody
  /// observes. Null when it takes more than a cell at hand. Owner thread.
  task::Task* draft_warm(const detail::CellTable& table, const char* file, std::uint32_t line) noexcept {
    return draft_warm(table, task::Task::lead_of(table.align) + table.body_size, file, line);
  }
  /// The same with a tail, of a task that is none for the scheduler: the caller says what it is.
  task::Task* draft_warm_with_tail(const detail::CellTable& table, std::size_t tail, const char* file,
                                   std::uint32_t line) noexcept {
    return draft_warm(table, task::Task::size_before_tail(table, false, false) + tail, file, line);
  }
  /// Frees a cell that was never launched.
  void discard(task::Task& task) noexcept;
  /// The closure is in the cell: queues the task, or destroys the closure when the runtime is closed.
  void launch(task::Task& task) noexcept;
  /// Queues a branch of a select, also while the runtime closes: its owner waits for it. Owner thread.
  void start_branch(task::Task& branch) noexcept;
  /// For a task that will never run: the closure is destroyed here and now, and the handle finished. `is_told`: the hooks
  /// know of the task.
  void finish_cancelled(task::Task& task, bool is_told = true) noexcept;

  // Schedule. ---------------------------------------------------------------------------------------------------------

  void schedule(task::Task& task) noexcept override;
  void schedule_remote(task::Task& task) noexcept override;
  void suspend(task::Task& running) noexcept override;
  void yield(task::Task& running) noexcept override;
  void recycle(task::Task& task) noexcept override;
  void report_unhandled(task::Task& task) noexcept override;
  void hold_memory() noexcept override { owner_.add_reference(); }
  void unhold_memory() noexcept override { owner_.drop_reference(); }

  // The root. ---------------------------------------------------------------------------------------------------------

  /// The calling code becomes the root. Throws: std::system_error when there is no memory for a signal stack.
  void enter_root();
  void leave_root() noexcept;
  bool has_root() const noexcept { return entry_.has_value(); }

  // A loop around ours. -----------------------------------------------------------------------------------------------

  /// Looks at the driver once and resumes what is ready then, each task once. Returns the number of resumes. The caller is
  /// the root.
  std::size_t run_pass() noexcept;
  /// A descriptor that is readable, from now on, whenever run_pass() has work.
  int embed() noexcept;
  /// To the next timer, zero if it is overdue; kForever without one.
  base::Nanos time_left() const noexcept;

  // The end. ----------------------------------------------------------------------------------------------------------

  struct Leftovers {
    std::size_t cancelled, left_parked;
  };
  /// Cancels every task in spawn order and drives them until they have ended or the deadline has come, but gives each
  /// one turn at least; `one_resume`: at most, too. The caller is the root. Afterwards nothing is scheduled any more.
  Leftovers shut_down(base::Nanos deadline, bool one_resume) noexcept;
  bool is_open() const noexcept { return state_.load(std::memory_order_acquire) <= State::open_observed; }
  /// Open, and nobody observes its tasks.
  bool is_plainly_open() const noexcept { return state_.load(std::memory_order_acquire) == State::open; }
  bool is_closed() const noexcept { return state_.load(std::memory_order_acquire) == State::closed; }
  MemoryOwner& owner() const noexcept { return owner_; }
  /// A number below n, which is above 0, from the runtime's own sequence. Owner thread.
  std::uint32_t random_below(std::uint32_t n) noexcept;
  /// The owner gives up its share of the cells' memory. True: nobody else has one. Once, after shut_down().
  bool close_cells() noexcept { return cells_.close(); }

  /// Has it run soon: at the next look at the driver. False when the runtime is closed. Any thread but the owner.
  bool call_on_owner(OwnerCall& call) noexcept;

  /// Shows each task that has not ended, in spawn order, and before them the root, if there is one. Owner thread.
  template <class Visit>
  void for_each(Visit visit) {
    if (has_root()) visit(root_);
    for (task::Task* task = owned_.front(); task != nullptr; task = owned_.next(*task)) visit(*task);
    inject_queue_.for_each([&visit](task::Task& task) {
      if (task.phase == task::Phase::draft) visit(task);  // spawned by another thread, not taken yet
    });
  }

  /// Where the frames of a task are.
  struct Whereabouts {
    enum Kind : std::uint8_t {
      stopped,  // below the place where `fiber` stopped
      here,     // on the stack of the caller
      unknown,  // nowhere: it has not started
    } kind;
    const fiber::Fiber* fiber;
  };
  /// Owner thread of the task.
  static Whereabouts whereabouts(const task::Task& task) noexcept;
  /// Bytes left on the stack of the caller when that is a fiber's; else SIZE_MAX. Any thread.
  static std::size_t stack_left() noexcept;

  /// Tasks that have not ended. Any thread.
  std::uint64_t alive() const noexcept {
    const std::uint64_t ended = ended_.read();
    const std::uint64_t spawned = spawned_.read() + spawned_elsewhere_.load(std::memory_order_relaxed);
    return spawned > ended ? spawned - ended : 0;
  }

  struct Counts {
    std::uint64_t alive, spawned, injected, injected_ever, ready, resumes, stacks_in_use, stacks_pooled;
    std::uint64_t sleeps_for_nothing, sleeps_and_wakes, forced_yields;
    base::Nanos busy;
  };
  /// Any thread.
  Counts counts() const noexcept;
  /// What changes whenever a task gets its turn, and whenever the thread falls asleep, wakes up or leaves block_on.
  struct Activity {
    std::uint64_t turns;
    base::Nanos stamp;
    bool is_busy;  // inside block_on, and not asleep

    bool operator==(const Activity&) const = default;
  };
  /// Any thread; also in a signal handler.
  Activity activity() const noexcept { return {turns_.read(), busy_.stamp(), busy_.is_running()}; }
  /// Null when it is not kept.
  const metrics::Histogram* poll_time() const noexcept {
    return observer_ != nullptr && observer_->poll_time ? &*observer_->poll_time : nullptr;
  }
  const metrics::Histogram* schedule_latency() const noexcept {
    return observer_ != nullptr && observer_->schedule_latency ? &*observer_->schedule_latency : nullptr;
  }

  // Observation (observed.cpp), and exceptions that nobody receives. Any thread. ---------------------------------------

  /// Calls a hook of the user's, if there is one. `setter` names it in reports.
  void run_hook(const task::Hook& hook, const char* setter, const void* argument = nullptr) noexcept;
  /// The hook for a task whose captures are destroyed and whose end is about to be published.
  void tell_terminated(task::Task& task) noexcept;
  /// Bytes of its tail that a task needs to be observed, to be asked for in its Draft.
  std::size_t tail_size() const noexcept;
  /// The membership of a task of Kind::child: behind that.
  task::Child& child_of(task::Task& task) const noexcept {
    return *reinterpret_cast<task::Child*>(static_cast<std::byte*>(task.tail()) + tail_size());
  }
  Failures& failures() noexcept { return failures_; }
  /// What nobody receives, although the task goes on.
  void report_lost(const task::Unhandled& unhandled) noexcept;

 private:
  enum class State : std::uint8_t {
    open,
    open_observed,
    closing,  // tasks unwind; new ones are born cancelled
    closed,
  };

  task::Task* draft_warm(const detail::CellTable& table, std::size_t size, const char* file, std::uint32_t line) noexcept {
    if (RUNTIME_UNLIKELY(table.body_size > task::CellPool::kLargestBody || table.align > task::CellPool::kBodyAlign ||
                         next_id_ == last_id_)) {
      return nullptr;
    }
    std::uint16_t size_class;
    void* memory = cells_.take_warm(size, size_class);
    if (RUNTIME_UNLIKELY(memory == nullptr)) return nullptr;
    return ::new (memory) task::Task(*this, table, size_class, ++next_id_, file, line);
  }

  // current_thread.cpp: what happens on the way from one task to the next.
  task::Task* pick() noexcept;
  task::Task* pick_from_native() noexcept;
  task::Task* pick_slow() noexcept;
  task::Task* pick_injected() noexcept;
  void switch_away(task::Task& from) noexcept;
  bool is_startable(const task::Task& task) const noexcept {
    return !task.is_cancel_requested() && (RUNTIME_LIKELY(!task.has_attributes()) || has_default_stack(task));
  }
  [[gnu::noinline, gnu::cold]] static bool has_default_stack(const task::Task& task) noexcept {
    return task.attributes()->stack_size == 0;
  }
  RUNTIME_NO_ASAN void occupy(fiber::Fiber& fiber, task::Task& task) noexcept {
    fiber.occupant = &task;
    fiber.saved_errno = 0;
    fiber.companion = {};
    fiber.entered = &home_;
    task.fiber = &fiber;
  }
  RUNTIME_NO_ASAN void occupy_stopped(fiber::Fiber& fiber, task::Task& task) noexcept {
    occupy(fiber, task);
    if (RUNTIME_LIKELY(switch_brings_float_state_)) float_state_.put_into(fiber.context);
  }
  /// A stack for a task that has not started, if there is one at hand for it. Null: find_stack() does more.
  RUNTIME_NO_ASAN fiber::Fiber* take_warm_for(task::Task& task) noexcept {
    fiber::Fiber* warm = is_startable(task) ? stacks_.take_warm() : nullptr;
    if (warm != nullptr) occupy_stopped(*warm, task);
    return warm;
  }
  void begin_resume(task::Task& task) noexcept;
  static void fiber_entry(fiber::Fiber& self) noexcept;
  [[noreturn]] void fiber_main(fiber::Fiber& self) noexcept;
  void run(task::Task& task) noexcept;
  static void close(task::Task& task) noexcept;
  void end(task::Task& task) noexcept;
  void end_child(task::Task& task) noexcept;
  inline void count_out(task::Task& task) noexcept;
  inline void put_down(task::Task& task) noexcept;
  void end_for_any(task::Task& task, fiber::Fiber* fiber) noexcept;
  static void drop_outcome(task::Task& task) noexcept;
  void tell_scope_of_error(task::Task& task) noexcept;
  task::Children* leave_scope(task::Task& task) noexcept;

  // observed.cpp: what else happens on it while somebody observes.
  bool tell_spawned(task::Task& task) noexcept;
  void note_ready(task::Task& task) noexcept;
  void note_injected(task::Task& task) noexcept;
  task::Task* pick_injected_observed() noexcept;
  task::Task* pick_observed() noexcept;
  void tell_resuming(task::Task& task) noexcept;
  void account_for_resumed() noexcept;
  void tell_ending(task::Task& task) noexcept;

  // native_stack.cpp: what happens on the stack that called block_on.
  void drive(task::Task& waiter) noexcept;
  void run_ready() noexcept;
  task::Task* resume(task::Task& task) noexcept;
  void look_at_driver() noexcept;
  void sleep(const task::Task& waiter) noexcept;
  void sleep_paused(const task::Task& waiter) noexcept;
  void sleep_until_news(const task::Task& waiter) noexcept;
  bool may_sleep() const noexcept { return has_nothing_from_others() && (bell_ == nullptr || !bell_->has_rung()); }
  void sleep_in_outer(const task::Task& waiter) noexcept;
  void after_look() noexcept;
  static void serve_calls(OwnerCall* first) noexcept;
  bool has_nothing_from_others() const noexcept { return inject_queue_.is_empty() && calls_.is_empty(); }
  void falls_asleep() noexcept;
  void wakes_up() noexcept;
  void count_other_stacks() noexcept;
  bool find_stack(task::Task& task) noexcept;
  void destroy_unstarted(task::Task& task) noexcept;
  void pass_on_cancellation() noexcept;
  void destroy_root_values() noexcept;
  fiber::StackPool& stacks_for(const task::Task& task);
  void tidy_stacks() noexcept;
  static bool find_overflowed(const void* address, fiber::OverflowedTask& found) noexcept;

  void enqueue(task::Task& task, bool is_told) noexcept;
  void recycle_anywhere(task::Task& task) noexcept;
  void launch_told(task::Task& task) noexcept;
  void adopt(task::Task& task) noexcept;
  void take_injected() noexcept;
  void stop_root() noexcept;
  /// A task has become ready without a pass of our loop: if that sleeps inside a fiber of another runtime, or a loop around
  /// it has the thread, it is told.
  void rouse() noexcept {
    if (RUNTIME_UNLIKELY(is_rousable_)) rouse_now();
  }
  void rouse_now() noexcept;
  void leave_to_outer_loop() noexcept;
  // A round: each task that is ready at its beginning has one turn.
  void begin_round(std::uint64_t last_turn) noexcept;
  void end_round() noexcept;
  void begin_slice() noexcept { slice_end_ = next_look_ < next_injected_ ? next_look_ : next_injected_; }

  // What the switch touches comes first.
  fiber::ThreadWords words_;
  std::uint64_t slice_end_;          // the turn before which pick_slow() has to decide
  RunQueue run_queue_;
  fiber::Fiber native_;              // the stack that called block_on, or that runs the shutdown
  fiber::StackPool stacks_;          // of the default size
  fiber::FloatState float_state_;    // of the thread that called block_on: every task starts with it
  const bool switch_brings_float_state_ = fiber::contexts_keep_float_state();
  context::Place home_;              // where every task starts: in this runtime
  task::Task* handed_back_ = nullptr;  // picked on a fiber, to be resumed from the native stack
  bool look_due_ = false;            // event_interval resumes have passed
  std::uint64_t next_look_;          // the turn before which the driver is looked at
  std::uint64_t next_injected_;      // the turn that belongs to the inject queue
  metrics::Counter root_yields_;

  const Config config_;
  driver::Driver& driver_;
  const context::Context& context_;
  MemoryOwner& owner_;
  const std::unique_ptr<Observer> observer_;  // null: nobody observes
  Failures failures_;
  task::CellPool cells_;
  InjectQueue inject_queue_;
  base::MpscStack<OwnerCall, &OwnerCall::next_call> calls_;
  base::LinkedList<task::Task, &task::Task::owned_previous, &task::Task::owned_next> owned_;  // alive, in spawn order
  fiber::StackPool reaper_stacks_;   // on which closures that never ran are destroyed; usually one, used again and again
  std::vector<std::unique_ptr<fiber::StackPool>> other_stacks_;  // of the sizes that TaskBuilder asked for
  metrics::Counter other_in_use_;    // of their stacks
  metrics::Counter other_pooled_;
  metrics::Counter spawned_;           // by this thread
  std::atomic<std::uint64_t> spawned_elsewhere_{0};
  metrics::Counter ended_;             // of both
  metrics::Counter sleeps_for_nothing_;  // without a resume since the last
  metrics::Counter sleeps_and_wakes_;
  std::uint64_t resumes_at_sleep_ = 0;   // how many there had been when the thread last fell asleep
  metrics::BusyClock busy_;              // inside block_on, and not asleep
  bool is_asleep_ = false;
  std::uint64_t next_id_ = 0;        // task ids are taken from the process in blocks
  std::uint64_t last_id_ = 0;
  std::uint64_t random_;             // state of the sequence
  std::atomic<State> state_{State::open};
  bool has_slices_;                  // not while tasks are observed, nor in a round
  bool one_round_ = false;           // each ready task has one turn: pick() ends with last_turn_
  std::uint64_t last_turn_ = 0;
  bool is_embedded_ = false;         // a loop around ours watches the driver's descriptor
  bool is_rousable_ = false;         // see rouse()

  task::Task root_;
  task::Task* asleep_in_ = nullptr;  // outer_, while it is parked because we have nothing to do
  context::IdleBell* bell_ = nullptr;  // while a paused clock waits for the pool
  std::optional<context::IdleBell> absence_bell_;  // the same while a loop around ours has the thread
  fiber::SignalStack signal_stack_;
  std::optional<context::Entry> entry_;  // while somebody is the root
  std::optional<task::CancelScope> root_scope_;  // then, too: cancelled with the fiber the root runs on
};

}  // namespace runtime::inline v1::scheduler
