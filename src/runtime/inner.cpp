#include "runtime/inner.hpp"

#include <string>

#include <runtime/error.hpp>

#include "task/current.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1::detail {
namespace {

constinit std::atomic<std::uint64_t> last_runtime_id{0};

blocking::PoolOptions with_watcher(const Options& options, PoolWatcher& watcher) {
  blocking::PoolOptions pool = options.pool;
  if (watcher.is_wanted()) pool.watcher = &watcher;
  return pool;
}

scheduler::Config with_ledger(const Options& options, fiber::StackLedger& ledger) {
  scheduler::Config scheduler = options.scheduler;
  scheduler.stacks.ledger = &ledger;
  return scheduler;
}

}  // namespace

Inner::Inner(const Options& options)
    : id_(last_runtime_id.fetch_add(1, std::memory_order_relaxed) + 1),
      name_(options.name),
      pool_watcher_(*this, options.threads),
      pool_(with_watcher(options, pool_watcher_)),
      context_{this, &driver_, &pool_, options.enable_time, options.enable_io},
      scheduler_(with_ledger(options, ledger_), driver_, context_, *this) {
  if (options.start_paused) driver_.clock.pause();
  if (options.stall_threshold != 0) stall_watch_.emplace(scheduler_, name_, options.stall_threshold);
}

Inner& Inner::current() {
  const context::Context* context = context::current();
  if (context == nullptr) {
    throw Error(Errc::no_runtime,
                "no runtime on this thread: call it inside LocalRuntime::block_on(), in a task, or while an EnterGuard lives");
  }
  return of(*context);
}

void Inner::check_owner(const char* what) const {
  if (scheduler_.is_owner()) return;
  throw Error(Errc::wrong_thread, std::string(what) +
                                      " was called on a thread that does not own the runtime: call it on the thread that "
                                      "built it, or use Handle::spawn() from here");
}

void Inner::check_open(const char* what) const {
  if (is_open()) return;
  throw Error(Errc::shut_down, std::string(what) + ": the runtime has been shut down; build another one");
}

void Inner::stop() {
  const Error error(Errc::shut_down, scheduler_.failures().cause());
  if (is_open()) shut_down(base::kForever);
  throw error;
}

// The thread is ours, and nobody is the root.
void Inner::check_free(const char* what) const {
  check_owner(what);
  if (scheduler_.has_root()) {
    throw Error(Errc::nested_block_on, std::string(what) +
                                           " inside block_on of the same runtime, which already drives this thread: spawn "
                                           "a task and join it instead");
  }
}

void Inner::enter_root(const char* what) {
  check_free(what);
  if (scheduler_.failures().has_cause()) stop();
  check_open(what);
  scheduler_.enter_root();
}

ShutdownReport Inner::shut_down(Nanos limit) {
  if (limit < 0) throw Error(Errc::invalid_argument, "shutdown_timeout() takes a limit of zero or more");
  check_free("shutdown");
  check_open("shutdown");
  scheduler_.enter_root();
  const base::Nanos deadline = limit == base::kForever ? base::kForever : base::deadline_after(limit);
  ShutdownReport report{};
  // First, so that a task which is about to offload while it unwinds finds out at once.
  report.blocking_cancelled = pool_.close();
  const auto leftovers = scheduler_.shut_down(deadline, limit == 0);
  report.tasks_cancelled = leftovers.cancelled;
  report.tasks_left_parked = leftovers.left_parked;
  scheduler_.leave_root();
  stall_watch_.reset();
  driver_.close();
  if (limit > 0) wait_for_pool(deadline);
  const auto left = pool_.counts();
  report.blocking_left_running = left.running + left.queued;  // queued: mandatory work, which will run
  scheduler_.failures().give_up_kept();
  scheduler_.failures().tell_cause();
  add_reference();  // for the cells that are still out; the last of them drops it
  if (scheduler_.close_cells()) drop_reference();
  return report;
}

// Started closures may take long. On a fiber of another runtime only that fiber waits for them, and is not to be
// cancelled out of it: the closures may borrow from its frames.
void Inner::wait_for_pool(base::Nanos deadline) noexcept {
  task::Task* task = task::parkable();
  if (task == nullptr) {
    pool_.wait_for_threads(deadline);
    return;
  }
  class Waiter final : public blocking::Pool::Listener {
   public:
    explicit Waiter(task::Task& task) noexcept : task_(task) {}
    // The pool's lock is held, and listen() below takes it: the frame stays until this has returned.
    void threads_gone() noexcept override {
      gone_.store(true, std::memory_order_release);
      task::wake(task_);
    }
    bool are_gone() const noexcept { return gone_.load(std::memory_order_acquire); }

   private:
    task::Task& task_;
    std::atomic<bool> gone_{false};
  };
  Waiter waiter(*task);
  if (pool_.listen(&waiter)) return;
  driver::Driver& driver = *context::of(*task).driver;
  driver::Timer limit(*task, deadline);
  if (deadline != base::kForever) driver.arm_real(limit);
  const task::Waiting waiting(*task, task::WaitFor::pool_threads);
  task::park_until_certain(*task, [&] { return waiter.are_gone() || limit.has_fired(); });
  driver.disarm_real(limit);
  static_cast<void>(pool_.listen(nullptr));
}

}  // namespace runtime::inline v1::detail
