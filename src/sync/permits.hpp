#pragma once

#include <cstdint>

#include <runtime/sync/semaphore.hpp>

#include "sync/wait_list.hpp"

// Counting permits: what a semaphore is, and a read-write lock is made of.

namespace runtime::inline v1::sync {

using detail::Permits;

enum class Taking : unsigned char {
  taken,
  too_few,
  closed,
};

/// Never waits. Permits on their way to somebody who waits are not free.
Taking try_take(Permits& permits, std::uint64_t n) noexcept;

enum class Took : unsigned char { taken, timed_out, closed };

/// Waits for n permits, which try_take() did not get. Throws: Cancelled. Without all of them it has none.
Took wait_for_permits(Permits& permits, std::uint64_t n, task::Task* self, const Reason& reason, base::Nanos limit);

/// Gives n permits to those who wait, first come, first served, and to the free ones what is left.
void give(Permits& permits, std::uint64_t n) noexcept;

/// Takes up to n of the free ones.
std::uint64_t take_up_to(Permits& permits, std::uint64_t n) noexcept;
void close(Permits& permits) noexcept;

inline std::uint64_t free_permits(const Permits& permits) noexcept {
  return permits.state.load(std::memory_order_acquire) >> 2;
}
inline bool is_closed(const Permits& permits) noexcept {
  return (permits.state.load(std::memory_order_acquire) & 2) != 0;
}

}  // namespace runtime::inline v1::sync
