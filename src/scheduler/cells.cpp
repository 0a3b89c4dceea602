#include <sys/random.h>

#include <new>

#include "base/sanitizer.hpp"
#include "scheduler/current_thread.hpp"
#include "task/join.hpp"

// How cells are made, handed over and freed, and what else is not on the way of a switch.

namespace runtime::inline v1::scheduler {

using task::Kind;
using task::Phase;
using task::Task;

namespace {

// Task ids are unique in the process; a runtime takes them in blocks, so that spawning touches no shared line.
constinit std::atomic<std::uint64_t> ids_taken{0};
constexpr std::uint64_t kIdBlock = 1024;

bool is_boxed(const detail::CellTable& table) noexcept {
  return table.body_size > task::CellPool::kLargestBody || table.align > task::CellPool::kBodyAlign;
}

std::uint64_t some_seed() noexcept {
  std::uint64_t seed;
  // Only the order of select's branches depends on it: where the kernel is not ready yet, the clock will do.
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) return seed;
  return static_cast<std::uint64_t>(base::monotonic_now());
}

}  // namespace

CurrentThread::CurrentThread(const Config& config, driver::Driver& driver, const context::Context& context,
                             MemoryOwner& owner)
    : Schedule(&context, config.coop_budget),
      words_(fiber::ThreadWords::of_this_thread(&context::innermost_place)),
      stacks_(config.stacks, &fiber_entry),
      home_{&context, nullptr},
      next_look_(config.event_interval),
      next_injected_(config.observation.is_wanted() ? 0 : config.global_queue_interval),  // 0: every slice is over
      config_(config),
      driver_(driver),
      context_(context),
      owner_(owner),
      observer_(config.observation.is_wanted() ? std::make_unique<Observer>(config.observation) : nullptr),
      failures_(config.unhandled),
      reaper_stacks_(config.stacks, &fiber_entry),
      random_(config.rng_seed ? *config.rng_seed : some_seed()),
      has_slices_(observer_ == nullptr) {
  if (observer_ != nullptr) {
    observer_->next_injected = config.global_queue_interval;
    state_.store(State::open_observed, std::memory_order_relaxed);
  }
  root_.kind = Kind::root;
  root_.schedule = this;
  root_.fiber = &native_;
  begin_slice();
}

CurrentThread::~CurrentThread() = default;

// SplitMix64: any seed will do, zero too. See: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
std::uint32_t CurrentThread::random_below(std::uint32_t n) noexcept {
  std::uint64_t z = random_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<std::uint32_t>((z >> 32) * n >> 32);
}

Task& CurrentThread::draft(const Draft& draft) {
  const std::size_t body_size = draft.table->body_size;
  const bool boxed = is_boxed(*draft.table);
  const bool has_attributes = draft.attributes != nullptr;
  const std::size_t size = Task::size_before_tail(*draft.table, boxed, has_attributes) + draft.tail;
  void* body = nullptr;
  if (boxed) body = ::operator new(body_size, std::align_val_t{draft.table->align});
  void* memory;
  std::uint16_t size_class = 0;
  try {
    memory = draft.local ? cells_.allocate(size, size_class)
                         : ::operator new(Task::kBodyBegin + size, std::align_val_t{alignof(Task)});
  } catch (...) {
    if (boxed) ::operator delete(body, std::align_val_t{draft.table->align});
    throw;
  }
  Task* task = ::new (memory) Task;
  task->boxed = boxed;
  task->lead = static_cast<std::uint8_t>(boxed ? 0 : Task::lead_of(draft.table->align));
  if (boxed) *static_cast<void**>(task->place()) = body;
  task->schedule = this;
  task->kind = draft.kind;
  task->size_class = size_class;
  task->table = draft.table;
  if (has_attributes) task->set_attributes(draft.attributes);
  task->spawn_file = draft.file;
  task->spawn_line = draft.line;
  if (draft.local) {
    if (next_id_ == last_id_) {
      next_id_ = ids_taken.fetch_add(kIdBlock, std::memory_order_relaxed);
      last_id_ = next_id_ + kIdBlock;
    }
    task->id = ++next_id_;
  } else {
    // A block for one: the ids in between are never used, there are enough.
    task->id = ids_taken.fetch_add(1, std::memory_order_relaxed) + 1;
    owner_.add_reference();  // the cell is not the pool's, so it keeps the runtime's memory by itself
  }
  return *task;
}

void CurrentThread::discard(Task& task) noexcept {
  if (task.kind == Kind::child) leave_scope(task)->ended();
  task.drop_reference();
}

[[gnu::noinline]] void CurrentThread::enqueue(Task& task, bool is_told) noexcept {
  if (task.size_class != 0) {
    adopt(task);
    spawned_.add(1);
    run_queue_.push(task);
    rouse();
    return;
  }
  base::happens_before(&task);
  task.signals.fetch_or(Task::kInjected, std::memory_order_relaxed);
  if (!inject_queue_.push(task)) return finish_cancelled(task, is_told);
  spawned_elsewhere_.fetch_add(1, std::memory_order_relaxed);  // it may have ended already: see alive()
  driver_.unpark();
}

void CurrentThread::start_branch(Task& branch) noexcept {
  branch.phase = Phase::ready;
  run_queue_.push(branch);
  rouse();
}

void CurrentThread::launch(Task& task) noexcept {
  if (RUNTIME_UNLIKELY(!is_plainly_open())) return launch_told(task);
  if (RUNTIME_UNLIKELY(task.size_class == 0)) return enqueue(task, true);
  task.phase = Phase::ready;
  owned_.push_back(task);
  spawned_.add(1);
  run_queue_.push(task);
  rouse();
}

// Somebody observes, or the runtime is about to end.
void CurrentThread::launch_told(Task& task) noexcept {
  const bool is_told = tell_spawned(task);
  if (!is_open() && is_owner()) return finish_cancelled(task, is_told);
  enqueue(task, is_told);
}

void CurrentThread::adopt(Task& task) noexcept {
  task.phase = Phase::ready;
  owned_.push_back(task);
  if (RUNTIME_UNLIKELY(!is_open())) task.signals.fetch_or(Task::kCancelRequested, std::memory_order_relaxed);
}

void CurrentThread::finish_cancelled(Task& task, bool is_told) noexcept {
  {
    const task::Shield shield;  // the closure's destructors run as part of the caller
    task.drop_closure();
  }
  if (is_told) tell_terminated(task);
  task::Children* const scope = task.kind == Kind::child ? leave_scope(task) : nullptr;
  task.phase = Phase::ended;
  if (task::publish_end(task)) task.drop_reference();
  if (scope != nullptr) scope->ended();
}

// Its outcome has gone, so there is nothing in it that a destructor would have to do.
void CurrentThread::recycle(Task& task) noexcept {
  const std::uint16_t size_class = task.size_class;
  if (RUNTIME_LIKELY(size_class != 0 && is_owner() && !is_closed())) return cells_.free_local(&task, size_class);
  recycle_anywhere(task);
}

[[gnu::noinline]] void CurrentThread::recycle_anywhere(Task& task) noexcept {
  const std::uint16_t size_class = task.size_class;
  task.~Task();
  if (size_class == 0) {
    ::operator delete(static_cast<void*>(&task), std::align_val_t{alignof(Task)});
    owner_.drop_reference();
  } else if (is_owner() && !is_closed()) {
    cells_.free_local(&task, size_class);
  } else if (cells_.free_remote(&task, size_class)) {
    owner_.drop_reference();
  }
}

void CurrentThread::report_lost(const task::Unhandled& unhandled) noexcept {
  if (failures_.lose(unhandled, is_open())) stop_root();
}

void CurrentThread::report_unhandled(Task& task) noexcept {
  if (failures_.give_up(task, is_open())) stop_root();
}

CurrentThread::Counts CurrentThread::counts() const noexcept {
  const std::uint64_t root_yields = root_yields_.read();  // before turns_: the difference stays positive
  return {alive(),             spawned_.read() + spawned_elsewhere_.load(std::memory_order_relaxed),
          inject_queue_.depth(), inject_queue_.count(),
          run_queue_.depth(),  turns_.read() - root_yields,
          stacks_.in_use() + other_in_use_.read(), stacks_.warm_count() + other_pooled_.read(),
          sleeps_for_nothing_.read(), sleeps_and_wakes_.read(), forced_yields.read(), busy_.read()};
}

}  // namespace runtime::inline v1::scheduler
