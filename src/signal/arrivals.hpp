#pragma once

#include <cstdint>

namespace runtime::inline v1::signal {

/// Counts a signal from now on, for the whole process. A descriptor whose reading side becomes ready once more with
/// each arrival (to be watched with EPOLLET; nobody reads it); it stays open for good, since the handler writes to it.
///
/// Throws: Error invalid_argument; std::system_error. Thread safety: any thread.
int count_arrivals(int number);

/// How many have come since the first count_arrivals() of that number. Each is counted before its descriptor is ready.
std::uint64_t arrivals(int number) noexcept;

}  // namespace runtime::inline v1::signal
