#pragma once

#include <chrono>
#include <cstdint>

#include <runtime/detail/duration.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace io {

/// What to wait for; `a | b` is either. A descriptor in error, or hung up, counts as ready for everything.
enum class Interest : std::uint8_t {
  readable = 1,
  writable = 2,
  priority = 4,  // urgent data: POLLPRI
};

constexpr Interest operator|(Interest a, Interest b) noexcept {
  return static_cast<Interest>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr Interest& operator|=(Interest& a, Interest b) noexcept { return a = a | b; }

}  // namespace io

namespace detail {

/// False: the limit, in nanoseconds, came first. The largest limit is none.
RUNTIME_API bool wait_ready(int fd, io::Interest interest, std::int64_t limit);

}  // namespace detail

namespace io {

/// Waits until a descriptor of the caller's is ready: of any kind, blocking or not. It stays the caller's.
///
/// Ready means that a call would not block at this moment; another fiber or thread may be faster, so that the
/// descriptor should be non-blocking. Regular files are always ready.
///
/// Parks: until it is ready. On a thread without a fiber it is poll(2).
/// Throws: std::system_error EBADF when it is no descriptor, or, to a fiber, when runtime_close() has closed it
/// meanwhile (a plain thread is in poll(2), which no close ends); Error io_disabled; Cancelled.
/// Thread safety: any thread.
inline void wait_readable(int fd) {
  static_cast<void>(detail::wait_ready(fd, Interest::readable, detail::to_nanos(std::chrono::nanoseconds::max())));
}
inline void wait_writable(int fd) {
  static_cast<void>(detail::wait_ready(fd, Interest::writable, detail::to_nanos(std::chrono::nanoseconds::max())));
}
/// The same, at most for `timeout`; false: it came first. A timeout of zero only looks.
/// Throws: also Error invalid_argument for a negative timeout or an interest in nothing; time_disabled.
template <class Rep, class Period>
bool wait(int fd, Interest interest, std::chrono::duration<Rep, Period> timeout) {
  return detail::wait_ready(fd, interest, detail::to_nanos(timeout));
}
/// The same without a limit: always true.
inline bool wait(int fd, Interest interest) {
  return detail::wait_ready(fd, interest, detail::to_nanos(std::chrono::nanoseconds::max()));
}

}  // namespace io
}  // namespace v1
}  // namespace runtime
