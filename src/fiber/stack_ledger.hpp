#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace runtime::inline v1::fiber {

/// Where all stacks of one runtime are, so that any thread can ask the kernel how much of them is in memory.
///
/// Thread safety: any thread. Borrows: the mappings, from add() to remove().
class StackLedger final {
 public:
  StackLedger() = default;
  StackLedger(const StackLedger&) = delete;
  StackLedger& operator=(const StackLedger&) = delete;

  /// A mapping of stacks, each `guard_size` bytes of guard and above them `size` usable ones. None is used yet.
  /// Throws: std::bad_alloc.
  void add(std::byte* base, std::size_t guard_size, std::size_t size);
  /// One more stack of it, the next from its lower end, may be used from now on.
  void grow(const std::byte* base) noexcept;
  /// It is about to be unmapped.
  void remove(const std::byte* base) noexcept;
  /// The pages of a stack are about to be given back, of which a task had used so many bytes.
  void note_depth(std::size_t bytes) noexcept;

  struct Usage {
    std::size_t resident;    // bytes in memory now
    std::size_t high_water;  // bytes of the stack that was ever used most
  };
  Usage measure() const noexcept;

  /// Bytes from the lowest page in memory to the end, for one stack.
  static std::size_t depth(std::byte* low, std::byte* high) noexcept;

 private:
  struct Slab {
    std::byte* base;
    std::size_t guard_size;
    std::size_t size;
    std::size_t used;  // stacks, from the lower end
  };

  static Usage measure(const Slab& slab) noexcept;

  mutable std::mutex mutex_;
  std::vector<Slab> slabs_;     // guarded by mutex_
  std::size_t deepest_ = 0;     // guarded by mutex_; of what is not in memory any more
};

}  // namespace runtime::inline v1::fiber
