#include "fiber/stack_pool.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

#include "base/assert.hpp"
#include "base/sanitizer.hpp"
#include "base/system_error.hpp"
#include "base/valgrind.hpp"
#include "fiber/switch.hpp"

// Older C library headers lack these. See: prctl(2), Linux 5.17.
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

namespace runtime::inline v1::fiber {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFirstSlab = 64;       // slots; each slab has twice as many as the last, so a million stacks
constexpr std::size_t kLargestSlab = 65536;  // take some 25 mappings
constexpr std::size_t kKeptPages = 4;        // what a warm stack keeps when its task went deeper


// Control words and frames at the same offset in every stack would fall into the same few sets of the cache; 24 steps
// of one line spread them over a whole way and leave most of the top page to the task.
constexpr std::size_t kColours = 24;
constexpr std::size_t kCacheLine = 64;

std::byte* map(std::size_t size) noexcept {
  void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  return base == MAP_FAILED ? nullptr : static_cast<std::byte*>(base);
}

}  // namespace

StackPool::StackPool(const StackOptions& options, Fiber::Entry entry)
    : warm_limit_(options.warm_limit / options.size),
      watch_depth_(!base::under_valgrind()),
      entry_(entry),
      options_(options) {}

StackPool::~StackPool() {
  if (in_use_.read() == 0) close();
}

void StackPool::close() noexcept {
  RUNTIME_CHECK(in_use_.read() == 0);
  // The tools have to be told of each stack; for the kernel the mapping is enough.
  if (base::sanitizer.any || !watch_depth_) {
    tidy();
    cool(0);
  }
  warm_ = deep_ = nullptr;
  warm_count_.set(0);
  for (const Slab& slab : slabs_) {
    if (options_.ledger != nullptr) options_.ledger->remove(slab.base);
    ::munmap(slab.base, slab.slots * stride());
  }
  slabs_.clear();
  cold_.clear();
  fresh_left_ = 0;
}

Fiber& StackPool::take() {
  if (warm_ == nullptr && deep_ != nullptr) trim_one();
  if (Fiber* fiber = take_warm()) return *fiber;
  std::byte* slot;
  if (!cold_.empty()) {
    slot = cold_.back();
    cold_.pop_back();
  } else {
    if (fresh_left_ == 0) map_slab();
    slot = fresh_;
    if (!install_guard(slot, options_.guard_size, options_.guard)) {
      const int error = errno;
      base::throw_errno(error, ("the guard of a task's stack cannot be set up; " + std::to_string(slots_ - fresh_left_) +
                                " stacks have one, and without MADV_GUARD_INSTALL (Linux 6.13) each takes two of the "
                                "mappings that sysctl vm.max_map_count allows")
                                   .c_str());
    }
    fresh_ += stride();
    --fresh_left_;
    if (options_.ledger != nullptr) options_.ledger->grow(slabs_.back().base);
  }
  in_use_.add(1);
  return make_fiber(slot);
}

void StackPool::map_slab() {
  std::size_t slots = slabs_.empty() ? kFirstSlab : std::min(slabs_.back().slots * 2, kLargestSlab);
  slabs_.reserve(slabs_.size() + 1);
  std::byte* base = map(slots * stride());
  while (base == nullptr && slots > 1) base = map((slots /= 2) * stride());
  if (base == nullptr) base::throw_errno(errno, "mmap of a task's stack");
  try {
    cold_.reserve(slots_ + slots);
    if (options_.ledger != nullptr) options_.ledger->add(base, options_.guard_size, options_.size);
  } catch (...) {
    ::munmap(base, slots * stride());
    throw;
  }
  // Neither is needed for stacks to work: a huge page would make one stack's first touch cost 2 MiB where the kernel is
  // configured to use them unasked, and the name is for people who read /proc/PID/smaps. Old kernels know neither.
  const base::ErrnoKeeper keeper;
  ::madvise(base, slots * stride(), MADV_NOHUGEPAGE);
  ::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, base, slots * stride(), "runtime fiber stacks");
  slabs_.push_back({base, slots});
  slots_ += slots;
  fresh_ = base;
  fresh_left_ = slots;
}

Fiber& StackPool::make_fiber(std::byte* slot) noexcept {
  std::byte* low = slot + options_.guard_size;
  std::byte* high = slot + stride();
  std::uintptr_t valgrind_stack = 0;
  if (!watch_depth_) {
    valgrind_stack = base::valgrind_note_stack(low, high - 1);
    base::valgrind_make_undefined(low, options_.size);
  }
  const std::size_t colour = made_++ % kColours * kCacheLine;
  const std::size_t room = (sizeof(Fiber) + kCacheLine - 1) / kCacheLine * kCacheLine;
  Fiber* fiber = ::new (high - colour - room) Fiber;
  fiber->entry = entry_;
  fiber->pool = this;
  fiber->low = low;
  fiber->high = high;
  fiber->asan_bottom = low;
  fiber->asan_size = options_.size;
  fiber->valgrind_stack = valgrind_stack;
  if (base::sanitizer.tsan_create_fiber != nullptr) fiber->tsan_fiber = base::sanitizer.tsan_create_fiber(0);
  depth_mark(*fiber) = kUntouched;
  fiber->deepest = high;
  make_context(*fiber);
  return *fiber;
}

// The last task went below the top page. What it left within the kept pages is cleared, so that high_water() can tell
// the next task's traces from it; what lies deeper goes back to the kernel. Only the frames in which the fiber waits for
// its next task stay as they are.
void StackPool::trim_one() noexcept {
  const base::ErrnoKeeper keeper;
  Fiber& fiber = *deep_;
  deep_ = fiber.next_idle;
  const std::size_t kept = std::min(kKeptPages * kPage, options_.size);
  std::byte* kept_low = fiber.high - kept;
  std::byte* clear_end = std::min(fiber.high - kPage, static_cast<std::byte*>(fiber.context));
  if (base::sanitizer.unpoison != nullptr) base::sanitizer.unpoison(fiber.low, options_.size - kPage);
  std::array<unsigned char, kKeptPages> resident{};
  if (::mincore(kept_low, kept, resident.data()) == 0) {
    for (std::byte* page = kept_low; page < clear_end; page += kPage) {
      const bool is_resident = (resident[static_cast<std::size_t>(page - kept_low) / kPage] & 1) != 0;
      if (is_resident) std::memset(page, 0, std::min(kPage, static_cast<std::size_t>(clear_end - page)));
    }
  }
  if (options_.ledger != nullptr) options_.ledger->note_depth(StackLedger::depth(fiber.low, fiber.high));
  if (kept < options_.size) ::madvise(fiber.low, options_.size - kept, MADV_DONTNEED);
  fiber.residue_pages = static_cast<std::uint32_t>(kept / kPage);
  depth_mark(fiber) = kUntouched;
  fiber.deepest = fiber.high;
  fiber.next_idle = warm_;
  warm_ = &fiber;
}

void StackPool::cool(std::size_t keep) noexcept {
  // From the near end: the longest unused would be the better choice, but finding them costs a walk along the list on
  // each look at the driver.
  while (warm_count_.read() > keep) {
    Fiber* fiber = warm_;
    warm_ = fiber->next_idle;
    warm_count_.subtract(1);
    retire(*fiber);
  }
}

void StackPool::retire(Fiber& fiber) noexcept {
  const base::ErrnoKeeper keeper;
  if (fiber.tsan_fiber != nullptr) base::sanitizer.tsan_destroy_fiber(fiber.tsan_fiber);
  if (fiber.valgrind_stack != 0) base::valgrind_forget_stack(fiber.valgrind_stack);
  if (base::sanitizer.unpoison != nullptr) base::sanitizer.unpoison(fiber.low, options_.size);
  std::byte* low = fiber.low;
  if (options_.ledger != nullptr) options_.ledger->note_depth(StackLedger::depth(low, fiber.high));
  ::madvise(low, options_.size, MADV_DONTNEED);
  cold_.push_back(low - options_.guard_size);
}

std::size_t StackPool::high_water(const Fiber& fiber) noexcept {
  if (is_quick_ && watch_depth_) {
    is_quick_ = false;
    while (Fiber* warm = warm_) {
      warm_ = warm->next_idle;
      warm->next_idle = deep_;
      deep_ = warm;
    }
  }
  const base::ErrnoKeeper keeper;
  const std::size_t pages = options_.size / kPage;
  // From the lowest page up: the first one in memory that is not a cleared page of an earlier task is the deepest used.
  std::array<unsigned char, 64> resident;
  for (std::size_t first = 0; first < pages; first += resident.size()) {
    const std::size_t count = std::min(resident.size(), pages - first);
    if (::mincore(fiber.low + first * kPage, count * kPage, resident.data()) != 0) continue;
    for (std::size_t i = 0; i < count; ++i) {
      if ((resident[i] & 1) == 0) continue;
      const std::byte* page = fiber.low + (first + i) * kPage;
      const bool may_be_residue = pages - (first + i) <= fiber.residue_pages && first + i + 1 < pages;
      if (may_be_residue && std::all_of(page, page + kPage, [](std::byte b) { return b == std::byte{0}; })) continue;
      return (pages - (first + i)) * kPage;
    }
  }
  return kPage;
}

}  // namespace runtime::inline v1::fiber
