#include "fiber/stack_ledger.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "base/system_error.hpp"

namespace runtime::inline v1::fiber {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPagesAtOnce = 512;  // as bytes of an answer: few, since we may be on the smallest of all stacks
constexpr std::size_t kWidestGap = 64 << 20;

/// Calls f(page) for each page of [low, high) that is in memory; at most kPagesAtOnce of them.
template <class F>
void each_resident(std::byte* low, std::byte* high, F f) noexcept {
  const base::ErrnoKeeper keeper;
  std::array<unsigned char, kPagesAtOnce> resident;
  if (::mincore(low, static_cast<std::size_t>(high - low), resident.data()) != 0) return;
  for (std::byte* page = low; page < high; page += kPage) {
    if ((resident[static_cast<std::size_t>(page - low) / kPage] & 1) != 0) f(page);
  }
}

/// One stack, from its upper end down. The kernel takes its time for each page it is asked about, used or not, and a
/// stack may be as large as the address space: below a gap of 64 MiB nobody looks.
StackLedger::Usage measure_stack(std::byte* low, std::byte* high) noexcept {
  StackLedger::Usage usage{0, 0};
  std::byte* deepest = high;
  for (std::byte* end = high; end > low && static_cast<std::size_t>(deepest - end) < kWidestGap;) {
    std::byte* begin = end - std::min(kPagesAtOnce * kPage, static_cast<std::size_t>(end - low));
    each_resident(begin, end, [&](std::byte* page) {
      usage.resident += kPage;
      deepest = std::min(deepest, page);
    });
    end = begin;
  }
  usage.high_water = static_cast<std::size_t>(high - deepest);
  return usage;
}

}  // namespace

void StackLedger::add(std::byte* base, std::size_t guard_size, std::size_t size) {
  const std::lock_guard lock(mutex_);
  slabs_.push_back({base, guard_size, size, 0});
}

void StackLedger::grow(const std::byte* base) noexcept {
  const std::lock_guard lock(mutex_);
  for (Slab& slab : slabs_) {
    if (slab.base == base) ++slab.used;
  }
}

void StackLedger::remove(const std::byte* base) noexcept {
  const std::lock_guard lock(mutex_);
  const auto slab = std::find_if(slabs_.begin(), slabs_.end(), [base](const Slab& s) { return s.base == base; });
  if (slab == slabs_.end()) return;
  deepest_ = std::max(deepest_, measure(*slab).high_water);
  slabs_.erase(slab);
}

void StackLedger::note_depth(std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  deepest_ = std::max(deepest_, bytes);
}

StackLedger::Usage StackLedger::measure() const noexcept {
  const std::lock_guard lock(mutex_);
  Usage all{0, deepest_};
  for (const Slab& slab : slabs_) {
    const Usage usage = measure(slab);
    all.resident += usage.resident;
    all.high_water = std::max(all.high_water, usage.high_water);
  }
  return all;
}

StackLedger::Usage StackLedger::measure(const Slab& slab) noexcept {
  Usage usage{0, 0};
  const std::size_t stride = slab.guard_size + slab.size;
  std::byte* const end = slab.base + slab.used * stride;
  if (stride > kPagesAtOnce * kPage) {
    for (std::byte* slot = slab.base; slot < end; slot += stride) {
      const Usage one = measure_stack(slot + slab.guard_size, slot + stride);
      usage.resident += one.resident;
      usage.high_water = std::max(usage.high_water, one.high_water);
    }
    return usage;
  }
  // Many small stacks in one call of the kernel: what it says of the guards between them is skipped.
  for (std::byte* begin = slab.base; begin < end;) {
    std::byte* next = begin + std::min(kPagesAtOnce * kPage, static_cast<std::size_t>(end - begin));
    each_resident(begin, next, [&](const std::byte* page) {
      const std::size_t offset = static_cast<std::size_t>(page - slab.base) % stride;
      if (offset < slab.guard_size) return;
      usage.resident += kPage;
      usage.high_water = std::max(usage.high_water, stride - offset);
    });
    begin = next;
  }
  return usage;
}

std::size_t StackLedger::depth(std::byte* low, std::byte* high) noexcept { return measure_stack(low, high).high_water; }

}  // namespace runtime::inline v1::fiber
