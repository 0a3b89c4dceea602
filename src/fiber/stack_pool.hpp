#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/compiler.hpp"
#include "fiber/fiber.hpp"
#include "fiber/guard.hpp"
#include "fiber/stack_ledger.hpp"
#include "metrics/counter.hpp"

namespace runtime::inline v1::fiber {

struct StackOptions {
  std::size_t size = 256 * 1024;        // usable bytes; whole pages
  std::size_t guard_size = 64 * 1024;   // below them; whole pages
  std::size_t warm_limit = std::size_t{4} << 30;  // bytes of stacks kept with their pages
  GuardKind guard = GuardKind::lightweight;
  StackLedger* ledger = nullptr;        // is told of every mapping, if there is one; outlives the pool
};

/// Stacks of one size, cut from large mappings, used last-in-first-out.
///
/// A stack is in one of five places: in use by a fiber; warm (its fiber waits inside its entry function, ready to be
/// occupied again); deep (the same, with the traces of a task that went deep, until tidy() has cleared them); cold (its pages given back to the kernel, its address in `cold_`); or not yet cut from a slab.
/// A fresh stack has its guard before it is handed out, always.
/// Owns: the mappings. Thread safety: one thread.
class StackPool final {
 public:
  StackPool(const StackOptions& options, Fiber::Entry entry);
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  /// Fibers still in use will never be unwound: their mappings are left in place for ever.
  ~StackPool();

  /// A warm fiber, or null.
  RUNTIME_NO_ASAN Fiber* take_warm() noexcept {
    Fiber* fiber = warm_;
    if (fiber != nullptr) {
      warm_ = fiber->next_idle;
      __builtin_prefetch(warm_);  // many tasks that start one after the other would each wait for theirs
      warm_count_.subtract(1);
      in_use_.add(1);
    }
    return fiber;
  }

  /// A fiber, warm or new.
  /// Throws: std::system_error when the kernel has no memory or no mapping left for it; std::bad_alloc.
  Fiber& take();

  /// Returns a fiber that has left its task, from anywhere. If it is the running one, it has to switch away before
  /// anybody takes it.
  RUNTIME_NO_ASAN void put(Fiber& fiber) noexcept {
    Fiber*& list = is_clean(fiber) ? warm_ : deep_;
    fiber.next_idle = list;
    list = &fiber;
    warm_count_.add(1);
    in_use_.subtract(1);
  }

  /// The next task may follow on this stack at once: the last one has stayed within the topmost page.
  RUNTIME_NO_ASAN bool is_clean(const Fiber& fiber) const noexcept {
    return !watch_depth_ || (is_quick_ && depth_mark(fiber) == kUntouched && fiber.deepest >= fiber.high - 4096);
  }

  /// There is something for tidy() to do.
  bool is_untidy() const noexcept { return deep_ != nullptr || warm_count_.read() > warm_limit_; }
  /// Clears stacks that were used deeply, and gives back the pages of warm ones above the limit. On none of these stacks.
  void tidy() noexcept {
    while (RUNTIME_UNLIKELY(deep_ != nullptr)) trim_one();
    if (RUNTIME_UNLIKELY(warm_count_.read() > warm_limit_)) cool(warm_limit_);
  }

  /// Gives every mapping back. No fiber is in use, and none will be taken any more.
  void close() noexcept;

  /// Bytes below the top of its stack that this fiber's task has touched, in whole pages.
  ///
  /// From the first call on every stack is cleared between two tasks, which costs system calls: so that what an earlier
  /// task left where no mark shows it is never counted again. Only the task that asks first may find such a rest.
  std::size_t high_water(const Fiber& fiber) noexcept;

  std::size_t stack_size() const noexcept { return options_.size; }
  std::size_t guard_size() const noexcept { return options_.guard_size; }
  /// Any thread.
  std::size_t in_use() const noexcept { return in_use_.read(); }
  std::size_t warm_count() const noexcept { return warm_count_.read(); }
  GuardKind guard_kind() const noexcept { return options_.guard; }

 private:
  struct Slab {
    std::byte* base;
    std::size_t slots;
  };

  // A task has gone deeper than the topmost page when a word at that page's lower end was written over, or when it has
  // stopped somewhere below. (One that only reserves a large array there, touches its far end and never waits goes
  // unnoticed until a later task on that stack is noticed.)
  static std::uint64_t& depth_mark(const Fiber& fiber) noexcept;
  void map_slab();
  Fiber& make_fiber(std::byte* slot) noexcept;
  void trim_one() noexcept;
  void cool(std::size_t keep) noexcept;
  void retire(Fiber& fiber) noexcept;
  std::size_t stride() const noexcept { return options_.guard_size + options_.size; }

  static constexpr std::uint64_t kUntouched = 0x756e746f75636865;

  Fiber* warm_ = nullptr;
  Fiber* deep_ = nullptr;   // as warm_, but not clean yet
  metrics::Counter warm_count_;  // and deep ones
  metrics::Counter in_use_;
  std::size_t warm_limit_;  // in stacks
  bool is_quick_ = true;    // nobody has asked for a depth yet
  bool watch_depth_;        // not under Valgrind, for which the memory below a stack pointer is out of bounds
  Fiber::Entry entry_;
  StackOptions options_;
  std::vector<Slab> slabs_;
  std::vector<std::byte*> cold_;  // slots; never grows past the reserved number of slots, so put() cannot fail
  std::byte* fresh_ = nullptr;    // the next slot of the newest slab that was never used
  std::size_t fresh_left_ = 0;
  std::size_t made_ = 0;          // slots ever cut: the colour of the next
  std::size_t slots_ = 0;
};

inline std::uint64_t& StackPool::depth_mark(const Fiber& fiber) noexcept {
  return *reinterpret_cast<std::uint64_t*>(fiber.high - 4096);
}

}  // namespace runtime::inline v1::fiber
