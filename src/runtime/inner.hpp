#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include <runtime/local_runtime.hpp>
#include <runtime/metrics.hpp>

#include "blocking/pool.hpp"
#include "context/context.hpp"
#include "driver/driver.hpp"
#include "fiber/stack_ledger.hpp"
#include "runtime/pool_watcher.hpp"
#include "runtime/stall_watch.hpp"
#include "scheduler/config.hpp"
#include "scheduler/current_thread.hpp"

namespace runtime::inline v1::detail {

/// What the builder has collected.
struct Options {
  std::string name;
  bool start_paused = false;
  bool enable_time = true;
  bool enable_io = true;
  base::Nanos stall_threshold = 0;  // 0: nobody watches
  scheduler::Config scheduler;
  blocking::PoolOptions pool;
  ThreadHooks threads;
};

/// A runtime: what LocalRuntime owns, and Handle, guards and cells share.
///
/// Its parts work from build_local() to shut_down(); its memory stays until the last handle, guard and cell has gone.
/// Thread safety: owner thread, except what says any thread.
/// Owns: all parts, in the order of their destruction, last first.
class Inner final : public scheduler::MemoryOwner {
 public:
  /// Throws: std::system_error, std::bad_alloc. With one reference, the runtime's.
  explicit Inner(const Options& options);
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;

  static Inner& of(const task::Task& task) noexcept {
    return static_cast<Inner&>(static_cast<scheduler::CurrentThread*>(task.schedule)->owner());
  }
  static Inner& of(const context::Context& context) noexcept { return *static_cast<Inner*>(context.runtime); }
  /// The runtime this thread is in. Throws: Error no_runtime.
  static Inner& current();

  void add_reference() noexcept override { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() noexcept override {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Throws: Error wrong_thread. `what` names the call.
  void check_owner(const char* what) const;
  /// Throws: Error shut_down.
  void check_open(const char* what) const;

  /// The calling code becomes the root. Throws: Error wrong_thread, shut_down, nested_block_on; std::system_error.
  void enter_root(const char* what);
  void leave_root() noexcept { scheduler_.leave_root(); }

  ShutdownReport shut_down(Nanos limit);
  /// Nobody received an exception, and the policy is to end the runtime for that: shuts down as the destructor does.
  /// Throws: Error shut_down, always.
  [[noreturn]] void stop();

  RuntimeMetrics metrics() const;  // any thread; throws: std::bad_alloc

  // Any thread.
  std::uint64_t id() const noexcept { return id_; }
  const std::string& name() const noexcept { return name_; }
  bool is_open() const noexcept { return scheduler_.is_open(); }
  const context::Context& context() const noexcept { return context_; }
  scheduler::CurrentThread& scheduler() noexcept { return scheduler_; }
  blocking::Pool& pool() noexcept { return pool_; }

 private:
  ~Inner() = default;
  void check_free(const char* what) const;
  void wait_for_pool(base::Nanos deadline) noexcept;

  std::atomic<std::uint64_t> references_{1};
  const std::uint64_t id_;
  const std::string name_;
  driver::Driver driver_;
  PoolWatcher pool_watcher_;
  blocking::Pool pool_;
  const context::Context context_;
  fiber::StackLedger ledger_;  // of all stacks
  scheduler::CurrentThread scheduler_;
  std::optional<StallWatch> stall_watch_;  // of the scheduler; until the end of the shutdown
};

}  // namespace runtime::inline v1::detail
