#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "clock.hpp"

namespace bench {

enum class Pages : bool { small, huge };

/// What it takes to get `bytes` of memory that this process has never touched, in nanoseconds of processor time: mapped,
/// and written to by the kernel, as the pool of cells has it (MADV_HUGEPAGE or not, MADV_POPULATE_WRITE). The memory is
/// given back afterwards.
inline double first_touch(std::size_t bytes, Pages pages) {
  constexpr std::size_t kHugePage = 2 * 1024 * 1024;
  constexpr int kPopulateWrite = 23;  // older C library headers lack the name
  const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  const std::size_t mapped = whole + kHugePage;  // so that whole huge pages are in it
  CpuStopwatch stopwatch;
  stopwatch.start();
  void* const base = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) throw std::system_error(errno, std::system_category(), "mmap");
  const auto begin = (reinterpret_cast<std::uintptr_t>(base) + kHugePage - 1) / kHugePage * kHugePage;
  // A kernel without huge pages refuses the advice, and gives small ones.
  const int advice = pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
  static_cast<void>(::madvise(reinterpret_cast<void*>(begin), whole, advice));
  for (std::size_t offset = 0; offset < whole; offset += kHugePage) {
    if (::madvise(reinterpret_cast<void*>(begin + offset), kHugePage, kPopulateWrite) == 0) continue;
    for (std::size_t page = 0; page < kHugePage; page += 4096) {  // before Linux 5.14
      *reinterpret_cast<volatile std::byte*>(begin + offset + page) = std::byte{1};
    }
  }
  stopwatch.stop();
  ::munmap(base, mapped);
  return stopwatch.nanoseconds_per(1) * static_cast<double>(bytes) / static_cast<double>(whole);
}

}  // namespace bench
